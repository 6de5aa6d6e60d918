"""The file that decisions are appended to, and for candidates the annotation table that is made of it.

A decision is one line, written in one call and synced, so that a process that is killed loses none. Several reviewers
may append to one file at the same time.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock

from emodal_data.annotations.columns import OPTIONAL, REQUIRED
from emodal_data.clips.overrides import DECIDED_AT, UNDO, Override, read_overrides
from emodal_data.core.config import LabelsConfig
from emodal_data.core.errors import InputError
from emodal_data.core.text import csv_text
from emodal_data.storage.files import explain_os_errors, write_bytes
from flows.review.clips import ReviewClip

COLUMNS = ("clip_id", "film", "start", "end", "decision", "label", "author", "note", DECIDED_AT)
#: Bytes of the longest line.
_LONGEST = 65_536
_HEADER = (",".join(COLUMNS) + "\n").encode()


@dataclass(frozen=True)
class Verdict:
    """What a reviewer says about a clip. decision: relabel, drop, or undo for nothing. label: of a relabelled clip."""

    decision: str
    label: str = ""
    note: str = ""


NOTHING = Verdict(UNDO)


class Decisions:
    """The decisions in a file, those of other reviewers too. Safe to use from several threads and processes."""

    def __init__(
        self, file: Path, labels: LabelsConfig, clips: Mapping[str, ReviewClip], table: Path | None = None
    ) -> None:
        """file: made when needed. clips: by clip_id. table: annotation table to keep beside it, for candidates.

        Raises InputError if the file has other columns or cannot be read, or the table is there without the file.
        """
        self.file, self.table = file, table
        self._labels, self._clips = labels, clips
        self._lock = FileLock(file.with_name(f".{file.name}.lock"))
        self._read: tuple[str, dict[tuple[str, str], Override]] = ("0", {})
        if table is not None and table.exists() and not file.exists():
            raise InputError(f"{table}: already there, and not made by a review; choose another --to")
        if file.exists():
            with explain_os_errors(file), file.open("rb") as old:
                first = old.readline()
            if first.strip() != _HEADER.strip() and not _HEADER.startswith(first):
                raise InputError(f"{file}: is no file that emodal review appends to; choose another --to")
            with self._lock:
                _append(file, b"")  # what was left unfinished
        else:
            with explain_os_errors(file):
                file.parent.mkdir(parents=True, exist_ok=True)
        self.standing()
        if file.exists():
            self._write_table()

    @property
    def version(self) -> str:
        """Differs after every decision of whoever."""
        try:
            status = self.file.stat()
        except FileNotFoundError:
            return "0"
        return f"{status.st_size}-{status.st_mtime_ns}"

    def standing(self) -> list[Override]:
        """The decisions that count, of all reviewers."""
        version = self.version
        if self._read[0] != version:
            decided = read_overrides([self.file], self._labels) if version != "0" else []
            self._read = (version, {(one.clip_id, one.author): one for one in decided})
        return list(self._read[1].values())

    def add(self, author: str, verdicts: Sequence[tuple[str, Verdict]]) -> None:
        """Append an author's verdicts, clip_id and verdict each, in one write.

        Raises WorkError if the disk is full; then none of them is in the file.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        rows = []
        for clip_id, verdict in verdicts:
            clip = self._clips[clip_id]
            note = " ".join(verdict.note.split())
            span = (clip.film, *clip.times)
            rows.append([clip_id, *span, verdict.decision, verdict.label, author, note, now])
        with self._lock:
            before = self.version
            _append(self.file, csv_text(rows).encode())
            if self._read[0] == before:  # nobody else decided meanwhile: the file need not be read again
                self._read = (self.version, self._with(author, verdicts))
            self._write_table()

    def _with(self, author: str, verdicts: Sequence[tuple[str, Verdict]]) -> dict[tuple[str, str], Override]:
        """The decisions that were read, and those that were appended since then."""
        standing = dict(self._read[1])
        for clip_id, verdict in verdicts:
            standing.pop((clip_id, author), None)
            if verdict.decision == UNDO:
                continue
            decision: Literal["relabel", "drop"] = "relabel" if verdict.label else "drop"
            note = " ".join(verdict.note.split()) or None
            film = self._clips[clip_id].film
            standing[clip_id, author] = Override(
                clip_id, decision, verdict.label or None, note, film, author, self.file, 0
            )
        return standing

    def _write_table(self) -> None:
        """Write the annotation table of the candidates: a row for each label that a reviewer gave."""
        if self.table is None:
            return
        more = sorted({name for clip in self._clips.values() for name in clip.row})
        rows = [[*REQUIRED, *OPTIONAL, "note", *(name for name in more if name != "note")]]
        for one in self.standing():
            if one.clip_id in self._clips and one.label:
                clip = self._clips[one.clip_id]
                extra = [clip.row.get(name, "") for name in more if name != "note"]
                span = (clip.film, *clip.times)
                rows.append([*span, one.label, one.author, clip.speaker or "", one.note or "", *extra])
        write_bytes(self.table, csv_text(rows).encode())


def _append(file: Path, lines: bytes) -> None:
    """Append whole lines; a line that a machine without power left unfinished is removed first."""
    with explain_os_errors(file):
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            size = os.fstat(descriptor).st_size
            first = max(0, size - _LONGEST)
            whole = first + os.pread(descriptor, _LONGEST, first).rfind(b"\n") + 1
            data = lines if whole else _HEADER + lines
            try:
                os.ftruncate(descriptor, whole)
                done = 0
                while done < len(data):
                    done += os.pwrite(descriptor, data[done:], whole + done)
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, whole)
                raise
        finally:
            os.close(descriptor)
