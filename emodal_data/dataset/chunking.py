"""Which samples stand together in a shard, so that a film more or less changes a shard or two, and no other."""

import hashlib
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt


def chunk_boundaries(films: Sequence[str], clip_ids: Sequence[str], most: int) -> list[tuple[int, int]]:
    """Where samples, in their order, are cut into runs of `most` at the most: (start, stop) of each.

    films, clip_ids: of each sample; those of a film stand together, and in it those of a clip.
    A run that is too long is cut where a film begins; if it has only one, where a clip begins; else after `most`.
    Among several such places the one is taken whose name has the smallest digest, whatever else is there: the
    cuts are those of a treap (Seidel and Aragon, Randomized Search Trees, 1996), which one more name disturbs at its
    own place alone. Runs are half full on average.
    """
    at_films, at_clips = _Beginnings(films), _Beginnings(clip_ids)
    runs, left = [], [(0, len(films))] if len(films) else []
    while left:
        start, stop = left.pop()
        if stop - start <= most:
            runs.append((start, stop))
            continue
        place = at_films.choose(start, stop) or at_clips.choose(start, stop) or start + most
        left += [(place, stop), (start, place)]
    return runs


class _Beginnings:
    """The places where names begin, each with a number drawn from its name."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = np.asarray(names, dtype=object)
        self._places = np.flatnonzero(self._names[1:] != self._names[:-1]) + 1

    @cached_property
    def _draws(self) -> npt.NDArray[np.uint64]:
        digests = (hashlib.sha256(str(self._names[place]).encode()).digest() for place in self._places)
        return np.array([int.from_bytes(digest[:8], "big") for digest in digests], dtype=np.uint64)

    def choose(self, start: int, stop: int) -> int | None:
        """The place between start and stop, neither of them, that was drawn first; None if there is none."""
        first, last = self._places.searchsorted([start + 1, stop])
        if first == last:
            return None
        return int(self._places[first + self._draws[first:last].argmin()])
