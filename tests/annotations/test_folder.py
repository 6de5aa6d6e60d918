"""A folder of annotation files is one table."""

from pathlib import Path

import pandas as pd
import pytest

from emodal_data.annotations import annotations_sha256, read_annotations
from emodal_data.clips.plan import locate_films
from emodal_data.core.config import TableConfig
from emodal_data.core.errors import InputError
from emodal_data.dataset.ledger import Ledger
from tests.annotations.rows import spans_of

SRT = "1\n00:00:01,000 --> 00:00:02,000\nsad\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "annotations"
    (folder / "heat").mkdir(parents=True)
    (folder / "heat" / "part1.srt").write_text(SRT)
    (folder / "b.txt").write_text("1.0\t2.0\tangry\n")
    (folder / "c.csv").write_text("film,start,end,label,annotator,note\na.mp4,1,2,happy,anna,x\n")
    return folder


def test_all_files_are_read_in_the_order_of_their_names(folder: Path) -> None:
    rows = read_annotations(folder)
    assert spans_of(rows) == [
        (1, "b", 1.0, 2.0, "angry", None),
        (2, "a.mp4", 1.0, 2.0, "happy", None),
        (2, "heat/part1", 1.0, 2.0, "sad", None),
    ]
    assert rows["annotation_file"].tolist() == ["b.txt", "c.csv", "heat/part1.srt"]
    assert rows["note"].tolist() == ["", "x", ""]
    assert rows["annotator"].tolist() == ["", "anna", ""]


def test_films_hidden_files_and_files_without_rows_do_not_stand_in_the_way(folder: Path) -> None:
    expected = read_annotations(folder)
    for name in ("b.MP4", ".DS_Store", "~$c.xlsx", "notes.md", "heat/x.pfsx"):
        (folder / name).write_bytes(b"")
    (folder / "heat" / "z.vtt").write_text("WEBVTT\n")
    assert read_annotations(folder).equals(expected)


def test_every_file_that_cannot_be_read_is_named_in_one_go(folder: Path) -> None:
    (folder / "d.csv").write_text("film,start\n")
    (folder / "e.odt").write_text("")
    with pytest.raises(InputError) as error:
        read_annotations(folder)
    lines = str(error.value).splitlines()
    assert len(lines) == 2
    assert "d.csv: no column 'end'" in lines[0]
    assert "e.odt: annotations must be .csv" in lines[1]


def test_a_folder_without_annotations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no annotation file in this folder"):
        read_annotations(tmp_path)


def test_columns_named_like_those_of_the_ledger_are_kept_under_another_name(tmp_path: Path) -> None:
    path = tmp_path / "spans.csv"
    path.write_text("film,start,end,label,reason,clip_id,annotation_file\na.mp4,1,2,sad,why,c,f\n")
    rows = read_annotations(path)
    names = ["reason_in_table", "clip_id_in_table", "annotation_file_in_table"]
    assert rows.loc[0, names].tolist() == ["why", "c", "f"]
    assert rows["reason"].isna().all()


def test_tiny_numbers_of_a_table_are_times(tmp_path: Path) -> None:
    table = pd.DataFrame({"film": ["a.mp4"], "start": [1e-17], "end": [2.5], "label": ["sad"]})
    table.to_parquet(tmp_path / "spans.parquet")
    assert spans_of(read_annotations(tmp_path / "spans.parquet")) == [(2, "a.mp4", 1e-17, 2.5, "sad", None)]


def test_the_hash_of_a_folder_sees_content_and_names_and_nothing_else(folder: Path) -> None:
    before = annotations_sha256(folder)
    (folder / "b.mp4").write_bytes(b"a film")
    (folder / "b.txt").touch()
    assert annotations_sha256(folder) == before
    (folder / "b.txt").rename(folder / "bb.txt")
    renamed = annotations_sha256(folder)
    (folder / "bb.txt").write_text("1.0\t2.0\tsad\n")
    assert len({before, renamed, annotations_sha256(folder)}) == 3


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert annotations_sha256(tmp_path / "a.csv") == digest


def test_a_mapping_that_does_not_hold_for_a_format_is_reported_once(folder: Path) -> None:
    rows = read_annotations(folder, TableConfig(columns={"speaker": "=x"}))
    assert rows["speaker"].fillna("").tolist() == ["", "x", ""]
    assert rows.attrs["warnings"] == tuple(
        f"table.columns and table.extract are not used for {suffix} files: name them in table.files"
        for suffix in (".txt", ".srt")
    )


def test_the_ledger_says_which_file_a_row_is_from(folder: Path, tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    (films / "b.mkv").write_bytes(b"film")
    rows, files = locate_films(read_annotations(folder), films)
    assert list(files) == ["b.mkv"]
    clips = pd.DataFrame({"reason": [None], "measured": [None], "detail": [None]}, index=["c"])
    ledger = Ledger(rows.assign(clip_id=["c", None, None]), clips).table().to_pydict()
    assert ledger["annotation_file"] == ["b.txt", "c.csv", "heat/part1.srt"]
    assert ledger["film"] == ["b.mkv", "a.mp4", "heat/part1"]
    assert ledger["outcome"] == ["kept", "dropped", "dropped"]
