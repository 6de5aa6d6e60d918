"""Films and clips that could not be read this time: a drive that went away, a lost worker, a time limit.

They are read again by the next run. What is wrong with a film itself is no failure: it becomes the reason of its rows.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from emodal_data.clips.plan import Clip
from emodal_data.core.errors import InputError, WorkError, WorkersLost
from emodal_data.core.reasons import Reason


class FailedFilms:
    """The films of a build that could not be read this time, each with its first error."""

    def __init__(self, films: int, max_fraction: float) -> None:
        """films: how many the build has. max_fraction: the share that may fail."""
        self._films, self._max_fraction = films, max_fraction
        self._errors: dict[str, str] = {}
        self._clips: dict[str, tuple[str, str]] = {}

    def add(self, film: str, error: BaseException, clips: Iterable[Clip] = ()) -> None:
        """A film failed, and with it these clips.

        Raises WorkError when more films failed than the build stands; InputError if that is what made it fail;
        WorkersLost at once, because no film is to blame.
        """
        if isinstance(error, WorkersLost):
            raise error
        line = " ".join(str(error).split()) or type(error).__name__
        self._errors.setdefault(film, line)
        self._clips |= {clip.clip_id: (Reason.READ_FAILED.value, line) for clip in clips}
        if len(self._errors) > self._max_fraction * self._films:
            family = InputError if isinstance(error, InputError) else WorkError
            raise family(
                f"{len(self._errors)} of {self._films} films failed, more than engine.max_failed_fraction = "
                f"{self._max_fraction:g} allows; run it again, it resumes where it stopped. {film}: {line}"
            ) from error

    def add_unread(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Clips of a film that was read could not be read this time: see clips.ingest.read_reel."""
        self._clips |= {row["clip_id"]: (row["reason"], row["detail"]) for row in rows}

    def lines(self) -> list[str]:
        """What failed, a line a film."""
        return [f"{film} failed, the next run tries again: {line}" for film, line in self._errors.items()]

    def mark(self, measures: pd.DataFrame, clip_ids: pd.Index) -> pd.DataFrame:
        """The measures of some clips with a line for each that could not be read. measures: as store.read_measures."""
        mine = frozenset(clip_ids) if self._clips else frozenset()
        failed = {clip_id: why for clip_id, why in self._clips.items() if clip_id in mine}
        if not failed:
            return measures
        marked = measures.reindex(measures.index.append(pd.Index(failed, name="clip_id")))
        marked["store_row"] = marked["store_row"].fillna(0).astype(int)  # the missing would make all floats
        for column in ("reason", "detail"):
            marked[column] = marked[column].astype(object)
        marked.loc[list(failed), ["reason", "detail"]] = list(failed.values())
        return marked
