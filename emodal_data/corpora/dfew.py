"""DFEW: clips of films with seven emotions as numbers, in five official folds."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from emodal_data.core.errors import InputError
from emodal_data.corpora.corpus import Choices, Corpus, Facts, Row
from emodal_data.corpora.folder import CorpusFolder
from emodal_data.corpora.lists import FOLD, fold_lists

_NUMBERS = dict(enumerate(("happy", "sad", "neutral", "angry", "surprise", "disgust", "fear"), start=1))
_LIST = (
    r"(?:DFEW_)?set_(?P<fold>[1-5])_(?P<split>train|test)\.(?:txt|csv)",
    r"(?P<split>train|test)\(single-labeled\)/set_(?P<fold>[1-5])\.csv",
    r"single_(?P<split>train|test)set_(?P<fold>[1-5])\.csv",
)


def _read(folder: CorpusFolder, choices: Choices) -> Iterator[Row]:
    pattern = next((one for one in _LIST if any(folder.matching(one))), _LIST[0])
    for clip in fold_lists(folder, pattern, "lists set_1_train.txt and so on", choices["fold"], _number_of):
        number = _number_of(clip.path)
        label = _NUMBERS.get(int(clip.label)) if clip.label.isdigit() else None
        if label is None:
            raise InputError(
                f"{folder.root}: clip {number} has the label {clip.label}, which is none of 1 to 7"
            )
        yield Row((f"original/{number}", number, f"{number:0>5}"), label, split=clip.split, fold=clip.fold)


def _number_of(path: str) -> str:
    """The number of a clip, which the lists pad with zeros and the film's names do not: ".../02522" -> "2522"."""
    stem = PurePosixPath(path).stem
    if not stem.isdigit():
        raise InputError(f"{path!r} is no path of a DFEW clip: its last part must be a number")
    return str(int(stem))


CORPUS = Corpus(
    name="dfew",
    title="DFEW",
    summary="16,372 clips of films, of which 11,697 have one of seven emotions; one clip a file, five official folds.",
    facts=Facts(
        licence="For research, by agreement with the authors.",
        access="dfew-dataset.github.io: sign the agreement; unpack Clip/original and EmoLabel_DataSplit.",
        citation="Jiang, Zong, Zheng, Tang, Xia, Lu and Liu (2020): DFEW: A Large-Scale Database for Recognizing "
        "Dynamic Facial Expressions in the Wild. ACM Multimedia, 2881-2889.",
        files="Clip/original/2522.mp4; EmoLabel_DataSplit/train(single-labeled)/set_1.csv, or the lists "
        "set_1_train.txt (path, frames, label) of many repositories.",
        faults=(
            "Numbers have zeros before them in the lists (02522) and none in the names of the films (2522.mp4), but in "
            "some copies.",
            "Labels are numbers from 1: happy, sad, neutral, angry, surprise, disgust, fear. Some repositories count "
            "from 0: a list with a 0 is refused.",
            "The folds were drawn by clip: films and people are not named, and are in several folds.",
        ),
        verified=(),
        unverified=(
            "No file of the corpus was seen; lists and numbers follow five public programs that agree.",
        ),
    ),
    read=_read,
    classes=("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
    options=(FOLD,),
)
