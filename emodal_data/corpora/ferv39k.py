"""FERV39k: clips of 22 scenes; the label is a folder, and a list has the split."""

import re
from collections import Counter
from collections.abc import Iterator

from emodal_data.core.errors import InputError
from emodal_data.corpora.corpus import Choices, Corpus, Facts, Row
from emodal_data.corpora.folder import CorpusFolder
from emodal_data.corpora.lists import check_codes_mean_one_word, split_lists

_LISTS = (
    r"(?P<split>train|test)_All\.(?:csv|txt)",
    r"FERV39[kK]_(?P<split>train|test)\.(?:csv|txt)",
)
_CLIP = re.compile(
    r"(?:.*/)?(?P<clip>(?P<scene>[^/]+)/(?P<label>Angry|Disgust|Fear|Happy|Neutral|Sad|Surprise)/[^/.]+)(?:\.\w+)?"
)


def _read(folder: CorpusFolder, choices: Choices) -> Iterator[Row]:
    codes: Counter[tuple[str, str]] = Counter()
    pattern = next((one for one in _LISTS if any(folder.matching(one))), _LISTS[0])
    for clip in split_lists(folder, pattern, "lists train_All.csv and test_All.csv", _clip_of):
        match = _match(clip.path)
        codes[clip.label, match["label"]] += 1
        # The number of a label differs between lists, so the word in the path is taken.
        yield Row(match["clip"], match["label"], split=clip.split, more={"scene": match["scene"]})
    check_codes_mean_one_word(folder, codes)


def _match(path: str) -> re.Match[str]:
    if not (match := _CLIP.fullmatch(path)):
        raise InputError(f"{path!r} is no path of a FERV39k clip, such as Action/Happy/0267")
    return match


def _clip_of(path: str) -> str:
    return _match(path)["clip"]


CORPUS = Corpus(
    name="ferv39k",
    title="FERV39k",
    summary="38,935 clips of 22 scenes in seven emotions; one clip a file, official split.",
    facts=Facts(
        licence="For research, by agreement with the authors.",
        access="wangyanckxx.github.io/Proj_CVPR2022_FERV39k.html: sign the agreement; unpack the clips and 4_setups.",
        citation="Wang, Sun, Huang, Liu, Gao, Zhang, Ge and Zhang (2022): FERV39k: A Large-Scale Multi-Scene Dataset "
        "for Facial Expression Recognition in Videos. CVPR, 20922-20931.",
        files="4_setups/All_scenes/train_All.csv and test_All.csv with lines such as Action/Happy/0267 Happy; films "
        "Action/Happy/0267.mp4.",
        faults=(
            "The archives with faces hold still pictures of the frames without sound; the films are needed here.",
            "Numbers of the labels differ between lists of several repositories: the word in the path is taken, and a "
            "list whose numbers contradict it is refused.",
            "Films and people are not named, and may be in both parts of the official split.",
        ),
        verified=(),
        unverified=("No file of the corpus was seen; lists and paths follow four public programs.",),
    ),
    read=_read,
    classes=("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
)
