"""MAFW: clips in the wild with eleven single labels, in five official folds."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from emodal_data.core.errors import InputError
from emodal_data.corpora.corpus import Choices, Corpus, Facts, Row
from emodal_data.corpora.folder import CorpusFolder
from emodal_data.corpora.lists import FOLD, ListedClip, fold_lists, list_lines

_WORDS = (
    *("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"),
    *("contempt", "anxiety", "helplessness", "disappointment"),
)
_LIST = (
    r"single/no_caption/set_(?P<fold>[1-5])/(?P<split>train|test)\.txt",
    r"set_(?P<fold>[1-5])/(?P<split>train|test)\.txt",
    r"(?:MAFW_)?set_(?P<fold>[1-5])_(?P<split>train|test)(?:_faces)?\.txt",
)
_ALL = r"single[_-](?:label|set)\.(?:txt|csv)"


def _read(folder: CorpusFolder, choices: Choices) -> Iterator[Row]:
    pattern = next((one for one in _LIST if any(folder.matching(one))), None)
    if pattern:
        clips = fold_lists(folder, pattern, "lists set_1/train.txt and so on", choices["fold"], _name_of)
    else:
        name = folder.table(_ALL, "set_1/train.txt or single_label.txt")
        clips = [ListedClip(path, label, "") for path, label in list_lines(folder, name)]
    first = _first_number(folder, {clip.label for clip in clips})
    for clip in clips:
        name = _name_of(clip.path)
        label = _WORDS[int(clip.label) - first] if clip.label.isdigit() else clip.label
        yield Row((f"clips/{name}", name), label, split=clip.split, fold=clip.fold)


def _name_of(path: str) -> str:
    return PurePosixPath(path).stem


def _first_number(folder: CorpusFolder, labels: set[str]) -> int:
    """0 or 1, by the numbers that the lists have. Raises InputError if both are possible, for nothing is guessed."""
    numbers = {int(label) for label in labels if label.isdigit()}
    if not numbers:
        return 1
    if max(numbers) > len(_WORDS) or (0 in numbers and len(_WORDS) in numbers):
        raise InputError(
            f"{folder.root}: labels {min(numbers)} to {max(numbers)}, but MAFW has {len(_WORDS)} of them"
        )
    if 0 in numbers:
        return 0
    if len(_WORDS) in numbers:
        return 1
    raise InputError(
        f"{folder.root}: the labels are numbers from {min(numbers)} to {max(numbers)}: whether they count from 0 or "
        "from 1 cannot be known from these lists; use the complete ones"
    )


CORPUS = Corpus(
    name="mafw",
    title="MAFW",
    summary="10,045 clips, of which 9,172 have one of eleven emotions; one clip a file, five official folds.",
    facts=Facts(
        licence="For research, by agreement with the authors.",
        access="mafw-database.github.io/MAFW: sign the agreement; unpack data/clips and Train & Test Set.",
        citation="Liu, Dai, Feng, Wang, Yin, Zeng and Shan (2022): MAFW: A Large-scale, Multi-modal, Compound "
        "Affective Database for Dynamic Facial Expression Recognition in the Wild. ACM Multimedia, 24-32.",
        files="Train & Test Set/single/no_caption/set_1/train.txt and test.txt with lines such as 00003.mp4 3; "
        "data/clips/00003.mp4.",
        faults=(
            "Numbers of the labels count from 1 in the corpus and from 0 in many repositories: the lists themselves "
            "decide, and are refused if they cannot.",
            "Order of the numbers: anger, disgust, fear, happiness, neutral, sadness, surprise, contempt, anxiety, "
            "helplessness, disappointment.",
            "Compound labels (compound/) are not read.",
            "Film and people are not named: the folds were drawn by clip.",
        ),
        verified=(),
        unverified=(
            "No file of the corpus was seen; lists, counts and numbers follow a published inventory of it.",
        ),
    ),
    read=_read,
    classes=(
        *("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
        *("contempt", "anxiety", "helplessness", "disappointment"),
    ),
    map={"anger": "angry", "happiness": "happy", "sadness": "sad"},
    options=(FOLD,),
)
