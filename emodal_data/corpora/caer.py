"""CAER: clips of TV shows; split and label are folders."""

from collections.abc import Iterator

from emodal_data.corpora.corpus import Choices, Corpus, Facts, Row
from emodal_data.corpora.folder import CorpusFolder

_LABEL = "Anger|Disgust|Fear|Happy|Neutral|Sad|Surprise"
_PATH = rf"(?P<clip>(?P<split>train|validation|test)/(?P<label>{_LABEL})/[^/]+)\.\w+"


def _read(folder: CorpusFolder, choices: Choices) -> Iterator[Row]:
    matches = {match["clip"]: match for _, match in folder.matching(_PATH, folder.media())}
    for clip, match in matches.items():
        yield Row(clip, match["label"], split=match["split"])


CORPUS = Corpus(
    name="caer",
    title="CAER",
    summary="13,201 clips of 79 TV shows in seven emotions; one clip a file, official split.",
    facts=Facts(
        licence="For research and education; no commercial use.",
        access="caer-dataset.github.io: CAER (not CAER-S, which is still pictures).",
        citation="Lee, Kim, Kim, Park and Sohn (2019): Context-Aware Emotion Recognition Networks. ICCV, 10143-10152.",
        files="CAER/train/Anger/0001.avi, CAER/validation/..., CAER/test/...",
        faults=(
            "Names repeat between the folders: the whole path is the clip.",
            "The names do not say which show a clip is of, so shows and people that are in several splits cannot be "
            "counted; near-duplicate faces are.",
        ),
        verified=(),
        unverified=("No file of the corpus was seen; clips under its names were made for the tests.",),
    ),
    read=_read,
    classes=("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
    map={"anger": "angry"},
)
