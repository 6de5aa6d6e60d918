"""EmoryNLP: utterances of the series Friends with times in the episode, which you provide."""

import ast
import re
from collections.abc import Iterator

from emodal_data.corpora.corpus import Choices, Corpus, Facts, Row
from emodal_data.corpora.folder import CorpusFolder

_SPLITS = {"train": "train", "dev": "validation", "test": "test"}
_NEEDED = (
    "Utterance",
    "Speaker",
    "Emotion",
    "Scene_ID",
    "Utterance_ID",
    "Season",
    "Episode",
    "Start_Time",
    "End_Time",
)
_EPISODE = re.compile(r"(?i)(?:^|[^a-z0-9])(?:s0*(\d+)[ ._-]*e0*(\d+)|0*(\d+)x0*(\d+))(?![0-9])")


def _read(folder: CorpusFolder, choices: Choices) -> Iterator[Row]:
    tables = folder.parts(r"emorynlp_(?P<part>train|dev|test)_final\.csv", "emorynlp_train_final.csv")
    episodes = _episodes(folder)
    for name, match in tables:
        for row in folder.rows(name, *_NEEDED):
            episode = f"S{int(row['Season']):02}E{int(row['Episode']):02}"
            yield Row(
                tuple(episodes.get(episode, [f"{episode}.mkv"])),
                row["Emotion"],
                row["Start_Time"],
                row["End_Time"],
                speaker=" & ".join(_names(row["Speaker"])),
                split=_SPLITS[match["part"]],
                more={
                    "episode": episode,
                    "scene": f"{episode}_{row['Scene_ID']}",
                    "utterance": row["Utterance_ID"],
                    "text": row["Utterance"],
                },
            )


def _episodes(folder: CorpusFolder) -> dict[str, list[str]]:
    """Films by episode, from the last S01E02 or 1x02 in their names."""
    found: dict[str, list[str]] = {}
    for name in folder.media():
        if matches := list(_EPISODE.finditer(name.rsplit("/", 1)[-1])):
            season, number = (int(part) for part in matches[-1].groups() if part)
            found.setdefault(f"S{season:02}E{number:02}", []).append(name)
    for episode, names in found.items():
        if len(names) > 1:
            folder.notes.append(f"{episode}: {len(names)} films, of which {names[0]} is taken")
    return found


def _names(text: str) -> list[str]:
    """The names in a cell such as "['Anna A', 'Ben B']"; another cell is one name."""
    try:
        names = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return [text]
    return [str(name) for name in names] if isinstance(names, list) else [text]


CORPUS = Corpus(
    name="emorynlp",
    title="EmoryNLP",
    summary="12,606 utterances of the series Friends in seven emotions of its own; you provide the episodes.",
    facts=Facts(
        licence="See the repository emorynlp/emotion-detection. The episodes are not part of the corpus.",
        access="emorynlp_train_final.csv, _dev_ and _test_ of the repository declare-lab/MELD; episodes of your own, "
        "named like Friends.S01E02.mkv or 1x02.mkv.",
        citation="Zahiri and Choi (2018): Emotion Detection on TV Show Transcripts with Sequence-based Convolutional "
        "Neural Networks. AAAI Workshop on Affective Content Analysis, 44-51.",
        files="emorynlp_train_final.csv, emorynlp_dev_final.csv, emorynlp_test_final.csv; episodes below the folder.",
        faults=(
            "Times are those of subtitles of one edition; in other editions of the episodes every span is wrong. Watch "
            "some clips before you believe a dataset.",
            "Several utterances share a subtitle and overlap; some ends are far too late.",
            "Classes are joyful, mad, neutral, peaceful, powerful, sad, scared: 61 % of the training rows have a class "
            "that other corpora do not know.",
            "Utterances of several speakers have their names joined by &.",
            "Speakers and episodes are in several splits: the leakage check counts them.",
        ),
        verified=("Header and last rows of the repository's emorynlp_test_final.csv.",),
        unverified=("The times against an episode.", "The licence."),
    ),
    read=_read,
    classes=("joyful", "mad", "neutral", "peaceful", "powerful", "sad", "scared"),
    group_by="speaker",
    settings={"split": {"check_columns": ["episode"]}},
)
