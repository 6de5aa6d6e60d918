"""MER2023 and the later challenges: Chinese films and series, a clip a file, with a label and valence."""

import re
from collections.abc import Iterator

from emodal_data.core.errors import InputError
from emodal_data.corpora.corpus import Choices, Corpus, Facts, Row
from emodal_data.corpora.folder import CorpusFolder

_PART = re.compile(r"(?P<part>(?P<split>train|test)\d*)")


def _read(folder: CorpusFolder, choices: Choices) -> Iterator[Row]:
    tables = [
        name for name, _ in folder.matching(r"[^/]*\.csv") if folder.has_columns(name, "name", "discrete")
    ]
    if not tables:
        raise InputError(
            f"{folder.root}: no table with the columns name and discrete, such as train-label.csv, here"
        )
    in_parts = any(folder.matching(r"(?:train|test)\d*/[^/]+", folder.media()))
    for name in tables:
        part = _PART.search(name.rsplit("/", 1)[-1].lower())
        split = part["split"] if part else ""
        if not part:
            folder.notes.append(f"{name}: its name says neither train nor test; its rows are in no split")
        for row in folder.rows(name):
            clip = row["name"]
            films: tuple[str, ...] = (clip,)
            if part and in_parts:  # names repeat between the parts
                films = tuple(f"{place}/{clip}" for place in dict.fromkeys(part.group("part", "split")))
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
        files="train-label.csv (MER2024: label-disdim.csv, MER2025: track1_train_disdim.csv) with the columns name, "
        "discrete and valence; train/sample_00000001.mp4 (video-labeled/, video/).",
        faults=(
            "Speakers and films are not named: if the split is made anew, one scene may be in both training and test.",
            "Labels of the test sets were given out later and not to all; without them all rows are training rows.",
            "worried is a class of its own.",
        ),
        verified=(),
        unverified=(
            "No file of the corpus was seen; tables and folders of each year follow public programs that read them.",
        ),
    ),
    read=_read,
    classes=("angry", "happy", "neutral", "sad", "surprise", "worried"),
    targets=("valence",),
    also_called=("mer", "mer2024", "mer2025", "mer2026"),
)
