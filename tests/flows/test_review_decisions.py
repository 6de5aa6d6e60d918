"""The file of decisions of `emodal review`: appended to as a whole or not at all, by several at once."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from emodal_data.clips.overrides import read_overrides
from emodal_data.core.config import LabelsConfig
from emodal_data.core.errors import InputError, WorkError
from flows.review.clips import ReviewClip
from flows.review.decisions import Decisions, Verdict

CLIPS = {f"c{n}": ReviewClip(f"c{n}", "a, b.mkv", float(n), n + 1.0) for n in range(40)}
SAD = Verdict("relabel", "sad")


def decisions(folder: Path, table: Path | None = None) -> Decisions:
    return Decisions(folder / "overrides.csv", LabelsConfig(), CLIPS, table)


def decided(folder: Path) -> list[tuple[str, str, str]]:
    return [(one.clip_id, one.verdict, one.author) for one in read_overrides([folder / "overrides.csv"])]


def test_a_line_that_was_not_finished_is_removed_by_the_next_decision(tmp_path: Path) -> None:
    decisions(tmp_path).add("anna", [("c1", SAD)])
    with (tmp_path / "overrides.csv").open("a") as file:
        file.write('c2,"a, b.m')  # the power went off
    again = decisions(tmp_path)
    again.add("anna", [("c3", Verdict("drop", note="two\npeople"))])
    assert decided(tmp_path) == [("c1", "sad", "anna"), ("c3", "drop", "anna")]
    assert [one.note for one in again.standing()] == [None, "two people"]


def test_on_a_full_disk_none_of_the_decisions_of_a_step_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = decisions(tmp_path)
    file.add("anna", [("c1", SAD)])
    write = os.pwrite

    def full(descriptor: int, data: bytes, place: int) -> int:
        if len(data) < 100:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:100], place)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(WorkError, match="the disk is full"):
        file.add("anna", [(f"c{n}", SAD) for n in range(2, 6)])
    monkeypatch.undo()
    assert decided(tmp_path) == [("c1", "sad", "anna")]


def test_reviewers_who_decide_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    def work(author: str) -> None:
        mine = decisions(tmp_path)
        for clip_id in CLIPS:
            mine.add(author, [(clip_id, SAD)])

    authors = [f"reviewer {n}" for n in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, authors))
    assert sorted(decided(tmp_path)) == sorted((clip, "sad", author) for clip in CLIPS for author in authors)


def test_files_that_a_review_did_not_make_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "overrides.csv").write_text("clip_id,decision\nc1,drop\n")
    with pytest.raises(InputError, match=r"overrides\.csv: is no file that emodal review appends to"):
        decisions(tmp_path)
    assert (tmp_path / "overrides.csv").read_text() == "clip_id,decision\nc1,drop\n"
    (tmp_path / "overrides.csv").unlink()
    (tmp_path / "labels.csv").write_text("film,start,end,label\na.mkv,0,1,sad\n")
    with pytest.raises(InputError, match=r"labels\.csv: already there, and not made by a review"):
        decisions(tmp_path, tmp_path / "labels.csv")


def test_decisions_that_are_remembered_are_those_of_the_file(tmp_path: Path) -> None:
    one, other = decisions(tmp_path), decisions(tmp_path)
    one.add("anna", [("c1", SAD), ("c2", Verdict("drop", note=" not \n clear "))])
    other.add("ben", [("c1", Verdict("relabel", "happy"))])
    one.add("anna", [("c3", SAD), ("c1", Verdict("undo"))])
    other.add("ben", [("c1", SAD)])
    again = [(d.clip_id, d.verdict, d.author, d.note) for d in decisions(tmp_path).standing()]
    assert again == [
        ("c2", "drop", "anna", "not clear"),
        ("c3", "sad", "anna", None),
        ("c1", "sad", "ben", None),
    ]
    for file in (one, other):
        assert [(d.clip_id, d.verdict, d.author, d.note) for d in file.standing()] == again


def test_names_and_notes_are_no_formulas_in_either_file_and_come_back_as_they_were(tmp_path: Path) -> None:
    clip = ReviewClip("c1", "=cmd.mkv", 1.0, 2.0, speaker="+anna", row={"@more": "-x"})
    file = Decisions(tmp_path / "overrides.csv", LabelsConfig(), {"c1": clip}, tmp_path / "labels.csv")
    file.add("ben", [("c1", Verdict("relabel", "sad", note='=HYPERLINK("x")'))])
    (one,) = read_overrides([tmp_path / "overrides.csv"])
    assert (one.film, one.note) == ("=cmd.mkv", '=HYPERLINK("x")')
    header, row = (tmp_path / "labels.csv").read_text().splitlines()
    assert header.endswith(",note,'@more")
    assert row == '\'=cmd.mkv,1.0,2.0,sad,ben,\'+anna,"\'=HYPERLINK(""x"")",\'-x'
