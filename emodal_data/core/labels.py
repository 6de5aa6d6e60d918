"""The label scheme of a build: its classes, and what each cell of a label column votes for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from emodal_data.core.config import LabelsConfig
from emodal_data.core.label_words import DROP, PRESETS, UNLABELLED, folded, synonyms_of

#: Between the words of a cell that votes for several, in the column label_mapped_to. No word contains it.
BETWEEN_WORDS: Final = " | "
_SEPARATORS: Final = re.compile(r"[,;|/]")
#: One word, though it has a separator: programs write it where there is no value.
_NOT_AVAILABLE: Final = ("n/a", "#n/a")
#: A list as Python and JSON write it, and a whole number as programs write it where another cell is empty.
_LIST: Final = re.compile(r"\s*\[([^\[\]{}]*)\]\s*")
_WHOLE_NUMBER: Final = re.compile(r"(-?\d+)\.0+")


@dataclass(frozen=True)
class LabelScheme:
    """The classes, and the meaning of words.

    meanings: folded word -> class, another word for what is outside the classes, or "" for a row that says nothing.
    dropped: words outside the classes that the configuration names.
    """

    classes: tuple[str, ...]
    meanings: Mapping[str, str]
    several: Literal["drop", "first", "each"]
    dropped: frozenset[str]

    @classmethod
    def of(cls, config: LabelsConfig) -> "LabelScheme":
        """The scheme of a build's configuration."""
        class_of = {folded(name): name for name in config.classes}
        known = dict(class_of)
        if config.synonyms:
            known |= {word: class_of[meant] for word, meant in synonyms_of(set(class_of)).items()}
        codes = PRESETS[config.preset].codes if config.preset else {}
        named = {folded(word): folded(meant) for word, meant in config.map.items()}
        meanings = dict(known)
        for word, meant in {**codes, **named}.items():
            if meant == UNLABELLED:
                meanings[word] = ""
            else:
                meanings[word] = word.replace("|", "/") if meant == DROP else known.get(meant, meant)
        dropped = frozenset(meanings[word] for word, meant in named.items() if meant == DROP)
        return cls(config.classes, meanings, config.several, dropped)

    def class_named(self, word: str) -> str | None:
        """The class that one word means; None if it is outside the classes or says nothing."""
        meant = self.meanings.get(folded(word))
        return meant if meant in self.classes else None

    def words_of(self, cell: str) -> tuple[str, ...]:
        """What a cell votes for: classes, or words outside them; nothing for an empty cell, or if there are no classes.

        A cell with several words, between commas, semicolons, bars or slashes, votes as `several` says: "drop" makes
        the whole cell one word outside the classes; for "each", a word that is written twice is two votes.
        """
        if not self.classes:
            return ()
        whole = folded(cell)
        if not whole or whole in self.meanings or whole in _NOT_AVAILABLE:
            return self._known(whole)
        marks = ""
        if inside := _LIST.fullmatch(cell):
            cell, marks = inside[1], "'\" "
        parts = [part for text in _SEPARATORS.split(cell) if (part := folded(text.strip(marks or None)))]
        if inside and not parts:
            return ()
        times: dict[str, int] = {}
        for part in parts:
            for word in self._known(part):
                times[word] = max(times.get(word, 0), parts.count(part))
        words = tuple(times)
        if len(words) < 2 and parts:
            return words
        if self.several == "drop" or not parts:
            return (" / ".join(parts) or "/",)
        return (
            words[:1]
            if self.several == "first"
            else tuple(word for word in words for _ in range(times[word]))
        )

    def _known(self, word: str) -> tuple[str, ...]:
        if word not in self.meanings and (number := _WHOLE_NUMBER.fullmatch(word)):
            word = number[1]
        meant = self.meanings.get(word, word)
        return (meant,) if meant else ()
