"""LIRIS-ACCEDE: excerpts of Creative Commons films with valence and arousal."""

from collections.abc import Iterator
from xml.etree import ElementTree

from emodal_data.core.errors import InputError
from emodal_data.corpora.corpus import Choices, Corpus, Facts, Option, Row
from emodal_data.corpora.folder import CorpusFolder

#: The ranking by valence has this many excerpts, from 0 for the most negative.
_EXCERPTS = 9800
_THIRDS = ("negative", "neutral", "positive")
_SPLITS = {"0": "test", "1": "train", "2": "validation"}


def _read(folder: CorpusFolder, choices: Choices) -> Iterator[Row]:
    ranking = folder.table(r"ACCEDEranking\.txt", "ACCEDEranking.txt")
    sets = {
        row["name"]: _SPLITS.get(row["set"], "")
        for name, _ in folder.matching(r"ACCEDEsets\.txt")
        for row in folder.rows(name, "name", "set")
    }
    described = {
        name: facts
        for path, _ in folder.matching(r"ACCEDEdescription\.xml")
        for name, facts in _described(folder, path)
    }
    for row in folder.rows(ranking, "name", "valenceRank", "valenceValue", "arousalValue"):
        facts = described.get(row["name"], {})
        yield Row(
            (f"data/{row['name']}", row["name"]),
            _THIRDS[_rank(folder, ranking, row) * 3 // _EXCERPTS] if choices["labels"] == "thirds" else "",
            series=facts.get("movie", ""),
            split=sets.get(row["name"], ""),
            more={
                "valence": row["valenceValue"],
                "arousal": row["arousalValue"],
                "clip_licence": facts.get("license", ""),
            },
        )


def _rank(folder: CorpusFolder, table: str, row: dict[str, str]) -> int:
    text = row["valenceRank"]
    if not text.isdigit() or int(text) >= _EXCERPTS:
        raise InputError(
            f"{folder.root / table}: {row['name']} has the rank {text!r}, which is none of 0 to 9799"
        )
    return int(text)


def _described(folder: CorpusFolder, path: str) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        root = ElementTree.fromstring(folder.text(path))
    except ElementTree.ParseError as error:
        raise InputError(f"{folder.root / path}: not valid XML: {error}") from error
    for media in root.iter("media"):
        facts = {child.tag: (child.text or "").strip() for child in media}
        yield facts.get("name", ""), facts


CORPUS = Corpus(
    name="liris_accede",
    title="LIRIS-ACCEDE",
    summary="9,800 excerpts of 160 Creative Commons films with valence and arousal; one clip a file, official split.",
    facts=Facts(
        licence="Annotations for research, by agreement; each excerpt has the Creative Commons licence of its film "
        "(column clip_licence).",
        access="liris-accede.ec-lyon.fr: sign the agreement; unpack data and annotations.",
        citation="Baveye, Dellandrea, Chamaret and Chen (2015): LIRIS-ACCEDE: A Video Database for Affective Content "
        "Analysis. IEEE Transactions on Affective Computing 6(1), 43-55.",
        files="ACCEDEranking.txt, ACCEDEsets.txt, ACCEDEdescription.xml, data/ACCEDE00000.mp4.",
        faults=(
            "There are no classes; valence and arousal (about 1 to 5) are targets. With --option labels=thirds, "
            "negative, neutral and positive are the thirds of the ranking by valence: ours, not the authors'.",
            "The values are what the excerpt evokes in viewers, not what a face in it shows.",
            "start and end of ACCEDEdescription.xml are frame numbers of the whole film: each file is read whole.",
            "Sets: 1 is for learning, 2 for validation, 0 for test; whole films are in one set.",
        ),
        verified=("Columns of the tables and numbers of the sets against three programs that read them.",),
        unverified=("No file of the corpus was opened.",),
    ),
    read=_read,
    classes=_THIRDS,
    targets=("valence", "arousal"),
    options=(
        Option(
            "labels",
            "none, and so a dataset of targets alone, or thirds of the ranking by valence as classes",
            "none",
            ("none", "thirds"),
        ),
    ),
    group_by="series",
    also_called=("liris", "accede"),
)
