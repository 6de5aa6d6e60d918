"""MER2023 and the later challenges: Chinese films and series, a clip a file, with a label and valence."""

from collections.abc import Iterator

from emodal_data.core.errors import InputError
from emodal_data.corpora.corpus import Choices, Corpus, Facts, Row
from emodal_data.corpora.folder import CorpusFolder


def _read(folder: CorpusFolder, choices: Choices) -> Iterator[Row]:
    tables = [name for name, _ in folder.matching(r"[^/]*label[^/]*\.csv")]
    if not tables:
        raise InputError(f"{folder.root}: no table such as train-label.csv here or below")
    for name in tables:
        file = name.rsplit("/", 1)[-1].lower()
        split = "train" if "train" in file else "test" if "test" in file else ""
        if not split:
            folder.notes.append(f"{name}: its name says neither train nor test; its rows are in no split")
        for row in folder.rows(name, "name", "discrete"):
            clip = row["name"]
            films = (f"{split}/{clip}", clip) if split else (clip,)
            yield Row(films, row["discrete"], split=split, more={"valence": row.get("valence", "")})


CORPUS = Corpus(
    name="mer2023",
    title="MER2023",
    summary="clips of Chinese films and series in six emotions with valence; one clip a file. Also MER2024 and later.",
    facts=Facts(
        licence="For research, by the organisers' end user licence agreement.",
        access="merchallenge.cn: sign the agreement of the year; unpack the training set (and the test sets with their "
        "labels, if you have them).",
        citation="Lian et al. (2023): MER 2023: Multi-label Learning, Modality Robustness, and Semi-Supervised "
        "Learning. ACM Multimedia, 9610-9614.",
        files="train-label.csv with the columns name, discrete and valence; train/sample_00000001.mp4.",
        faults=(
            "Speakers and films are not named: clips of one scene may be on both sides of a split that is made anew.",
            "Labels of the test sets were given out later and not to all; without them all rows are training rows.",
            "worried is a class of its own.",
        ),
        verified=(),
        unverified=(
            "No file of the corpus was seen; the table follows public programs that read it.",
            "MER2024 and later: the same columns are assumed.",
        ),
    ),
    read=_read,
    classes=("angry", "happy", "neutral", "sad", "surprise", "worried"),
    targets=("valence",),
    also_called=("mer", "mer2024", "mer2025", "mer2026"),
)
