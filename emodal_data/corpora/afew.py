"""AFEW: clips of films from the EmotiW challenges; split and label are folders."""

from collections.abc import Iterator

from emodal_data.corpora.corpus import Choices, Corpus, Facts, Row
from emodal_data.corpora.folder import CorpusFolder

_SPLITS = {"train": "train", "val": "validation", "test": "test"}
_PATH = (
    r"(?P<clip>(?i:(?P<part>Train|Val|Test)_AFEW)/"
    r"(?P<label>Angry|Disgust|Fear|Happy|Neutral|Sad|Surprise)/[^/]+)\.\w+"
)


def _read(folder: CorpusFolder, choices: Choices) -> Iterator[Row]:
    matches = {match["clip"]: match for _, match in folder.matching(_PATH, folder.media())}
    for clip, match in matches.items():
        yield Row(clip, match["label"], split=_SPLITS[match["part"].lower()])


CORPUS = Corpus(
    name="afew",
    title="AFEW",
    summary="clips of films in seven emotions, from the EmotiW challenges; one clip a file, official split.",
    facts=Facts(
        licence="For research, by the end user licence agreement of the authors.",
        access="Ask the organisers of EmotiW; unpack Train_AFEW and Val_AFEW.",
        citation="Dhall, Goecke, Lucey and Gedeon (2012): Collecting Large, Richly Annotated Facial-Expression "
        "Databases from Movies. IEEE MultiMedia 19(3), 34-41.",
        files="Train_AFEW/Angry/000046280.avi, Val_AFEW/Angry/...",
        faults=(
            "Labels of the test clips were not given out: only clips in a folder of a label are read, and validation "
            "is what papers test on.",
            "The names do not say which film a clip is of.",
        ),
        verified=(),
        unverified=("No file of the corpus was seen; clips under its names were made for the tests.",),
    ),
    read=_read,
    classes=("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
)
