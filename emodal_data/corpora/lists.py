"""Lists of clips with labels, a line each, for training and test and often for several folds."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from emodal_data.core.errors import InputError
from emodal_data.corpora.corpus import Option
from emodal_data.corpora.folder import CorpusFolder

#: The option that says which of several official folds is the test split.
FOLD = Option("fold", "which official fold is the test split", "1", ("1", "2", "3", "4", "5"))

_SEPARATOR = re.compile(r"[\s,;]+")


@dataclass(frozen=True)
class ListedClip:
    """A clip of the lists. path: as the list has it, with the separators of this system. fold: empty if unknown."""

    path: str
    label: str
    split: str
    fold: str = ""


def list_lines(folder: CorpusFolder, name: str) -> Iterator[tuple[str, str]]:
    """Path and label of each line "path [frames] label", separated by blanks or commas; a header is left out."""
    for number, line in enumerate(folder.text(name).splitlines(), start=1):
        cells = [cell.strip("\"'") for cell in _SEPARATOR.split(line.strip())]
        if cells == [""] or (number == 1 and cells[-1].lower() == "label"):
            continue
        if len(cells) not in (2, 3):
            raise InputError(f"{folder.root / name}: row {number} is no line of a path, frames and a label")
        yield cells[0].replace("\\", "/"), cells[-1]


def split_lists(
    folder: CorpusFolder, pattern: str, what: str, clip_of: Callable[[str], str]
) -> Iterator[ListedClip]:
    """The clips of a list for training and one for test. pattern: of their paths, with the group split.

    clip_of: the name of a clip from its path. Raises InputError if there is no list, or a clip has two labels.
    """
    labels: dict[str, str] = {}
    splits: dict[str, str] = {}
    for name, match in folder.parts(pattern, what):
        for path, label in list_lines(folder, name):
            clip = clip_of(path)
            _check(folder, name, clip, label, labels)
            if splits.setdefault(clip, match["split"]) != match["split"]:
                raise InputError(f"{folder.root / name}: {clip} is in the training and in the test list")
            yield ListedClip(path, label, match["split"])


def fold_lists(
    folder: CorpusFolder, pattern: str, what: str, fold: str, clip_of: Callable[[str], str]
) -> list[ListedClip]:
    """The clips of official folds, with the split of one of them. pattern: with the groups fold and split.

    The fold of a clip is the one whose test list has it. Clips that are in no list of the chosen fold are left out.
    """
    labels: dict[str, str] = {}
    paths: dict[str, str] = {}
    splits: dict[str, str] = {}
    held_out: dict[str, str] = {}
    folds = set()
    for name, match in folder.matching(pattern):
        folds.add(match["fold"])
        for path, label in list_lines(folder, name):
            clip = clip_of(path)
            _check(folder, name, clip, label, labels)
            paths.setdefault(clip, path)
            if match["split"] == "test":
                held_out[clip] = match["fold"]
            if match["fold"] == fold and splits.setdefault(clip, match["split"]) != match["split"]:
                raise InputError(
                    f"{folder.root / name}: {clip} is in the training and in the test list of fold {fold}"
                )
    if fold not in folds:
        known = f"; there is fold {', '.join(sorted(folds))}" if folds else ""
        raise InputError(f"{folder.root}: no {what} of fold {fold} here or below{known}")
    whole = held_out.keys() >= splits.keys()
    return [
        ListedClip(paths[clip], labels[clip], split, held_out.get(clip, "") if whole else "")
        for clip, split in splits.items()
    ]


def check_codes_mean_one_word(folder: CorpusFolder, pairs: Counter[tuple[str, str]]) -> None:
    """Raises InputError if a number stands for two words, or a word has two numbers: pairs of (number, word)."""
    for index, (one, other) in enumerate((("the number", "the label"), ("the label", "the number"))):
        groups: dict[str, set[str]] = {}
        for pair in pairs:
            groups.setdefault(pair[index], set()).add(pair[1 - index])
        for key, values in groups.items():
            if len(values) > 1:
                raise InputError(
                    f"{folder.root}: {one} {key!r} has {other} {' and '.join(sorted(values))} in the lists"
                )


def _check(folder: CorpusFolder, name: str, clip: str, label: str, labels: dict[str, str]) -> None:
    if labels.setdefault(clip, label) != label:
        raise InputError(
            f"{folder.root / name}: {clip} has the label {label}, and {labels[clip]} in another list"
        )
