"""What a corpus is: its facts, its label scheme, and the function that reads its own files."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emodal_data.corpora.folder import CorpusFolder

#: The options of one reading: name -> value. Every option of the corpus has a value.
Choices = Mapping[str, str]


@dataclass(frozen=True)
class Facts:
    """What people must know of a corpus. The sentences are our own; numbers and names are the corpus's.

    verified: what was compared with the corpus's own files. unverified: what was not, and where it comes from.
    """

    licence: str
    access: str
    citation: str
    files: str
    faults: tuple[str, ...] = ()
    verified: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()


@dataclass(frozen=True)
class Option:
    """A choice that a user can make with --option name=value. values: empty if any text is allowed."""

    name: str
    meaning: str
    default: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """A row of the table that is written: one vote for one span.

    film: the end of a path, with or without suffix: "train_splits/dia0_utt0" is the only film whose path ends so.
    Of several, the first that exists is taken. start, end: seconds as text; empty for a whole file. split: "train",
    "validation", "test", or empty. more: further columns.
    """

    film: str | tuple[str, ...]
    label: str = ""
    start: str = ""
    end: str = ""
    annotator: str = ""
    speaker: str = ""
    series: str = ""
    split: str = ""
    fold: str = ""
    face_side: str = ""
    more: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Corpus:
    """A corpus. read: yields the rows of its files; see Row.

    map: words of the corpus that are no class, and what they mean: see the setting labels.map. modalities: what can be
    read, the default first. group_by: what keeps the split honest if the corpus has none of its own. settings:
    further settings of its emodal.toml, by section.
    """

    name: str
    title: str
    summary: str
    facts: Facts
    read: Callable[["CorpusFolder", Choices], Iterable[Row]]
    classes: tuple[str, ...] = ()
    map: Mapping[str, str] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    modalities: tuple[str, ...] = ("both",)
    options: tuple[Option, ...] = ()
    group_by: str | tuple[str, ...] = "film"
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    also_called: tuple[str, ...] = ()

    @property
    def all_options(self) -> tuple[Option, ...]:
        """The options, with `modality` where there is a choice."""
        if len(self.modalities) == 1:
            return self.options
        meaning = "what is read: both picture and sound, the audio, or the image"
        return (Option("modality", meaning, self.modalities[0], self.modalities), *self.options)
