"""Annotation files made to stop a build: each is one line within seconds, and never the end of the process."""

import json
import time
import zipfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emodal_data.annotations import bounded, read_annotations
from emodal_data.core.errors import InputError

HEADER = "film,start,end,label\n"


def eaf(*inside: str, origin: str = "0") -> str:
    media = f'<HEADER><MEDIA_DESCRIPTOR MEDIA_URL="a.mp4" TIME_ORIGIN="{origin}"/></HEADER>'
    return f"<ANNOTATION_DOCUMENT>{media}{''.join(inside)}</ANNOTATION_DOCUMENT>"


def refused(path: Path) -> str:
    """The one line that a file is refused with, which names it; it takes no longer than a minute of this machine."""
    begin_s = time.monotonic()
    with pytest.raises(InputError) as error:
        read_annotations(path)
    assert time.monotonic() - begin_s < 60
    said = str(error.value)
    assert said.startswith(f"{path}: ")
    assert "\n" not in said
    return said.removeprefix(f"{path}: ")


def test_a_spreadsheet_with_one_far_cell_names_the_cell(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["film", "start", "end", "label"])
    book.active["XFD1048576"] = "here"
    path = tmp_path / "far.xlsx"
    book.save(path)
    assert (
        refused(path) == "sheet 'Sheet' has cells as far out as XFD1048576: delete what is far from the table"
    )


def test_a_spreadsheet_whose_reader_panics_or_aborts_costs_no_process(tmp_path: Path) -> None:
    path = tmp_path / "far.xlsx"
    book = openpyxl.Workbook()
    book.active.append(["film", "start", "end", "label"])
    book.active["XFD1048576"] = "here"
    book.save(path)
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"].replace(b"<c r=", b"<c  r=")
    with zipfile.ZipFile(path, "w") as new:
        for name, content in parts.items():
            new.writestr(name, content)
    assert "save it again, or as CSV" in refused(path)


@pytest.mark.parametrize("mark", ["<", "<v ", "{\\", "<v " + " " * 50])
@pytest.mark.parametrize("suffix", [".srt", ".vtt"])
def test_marks_of_subtitles_that_never_close_take_no_time(tmp_path: Path, mark: str, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_text(f"1\n00:00:01,000 --> 00:00:02,000\n{mark * (400_000 // len(mark))}\n")
    begin_s = time.monotonic()
    rows = read_annotations(path)
    assert len(rows) == 1
    assert time.monotonic() - begin_s < 60  # each mark searched to the end of the cue took many minutes


def test_marks_of_subtitles_are_still_taken_out(tmp_path: Path) -> None:
    path = tmp_path / "a.vtt"
    path.write_text("WEBVTT\n\n00:01.000 --> 00:02.000\n<v.loud  Ann Lee><i>hap{\\an8}py</i></v>\n")
    rows = read_annotations(path)
    assert (rows["label"][0], rows["speaker"][0]) == ("happy", "Ann Lee")


def test_a_small_parquet_that_unfolds_to_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.parquet"
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), pa.array(["x" * 50_000]))
    names = ["film", "start", "end", "label"]
    pq.write_table(pa.table([text] * 4, names=names), path, compression="zstd")
    assert path.stat().st_size < 2**20
    assert "more than 1,024 MB of text" in refused(path) or "more memory" in refused(path)


def test_a_parquet_with_too_many_rows_is_refused_by_its_footer(tmp_path: Path) -> None:
    path = tmp_path / "long.parquet"
    with pq.ParquetWriter(
        path, pa.schema([(n, pa.null()) for n in ("film", "start", "end", "label")])
    ) as out:
        for _ in range(30):
            out.write_table(pa.table({n: pa.nulls(10**6) for n in ("film", "start", "end", "label")}))
    assert refused(path) == "has 30,000,000 rows of 4 columns: split it"


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_table_of_endless_columns_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"wide{suffix}"
    if suffix == ".csv":
        path.write_text(HEADER.strip() + "".join(f",c{n}" for n in range(100_000)) + "\n")
    else:
        path.write_text("".join(json.dumps({f"c{n}": 1}) + "\n" for n in range(100_000)))
    assert "columns, more than 10,000: remove those without use" in refused(path)


def test_an_eaf_whose_clock_starts_beyond_any_number_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.eaf"
    path.write_text(eaf(origin="9" * 400))
    assert refused(path) == "TIME_ORIGIN of its medium is not a whole number"


def test_a_long_chain_of_references_in_an_eaf_takes_no_time(tmp_path: Path) -> None:
    path, count = tmp_path / "a.eaf", 30_000
    slots = '<TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="1000"/><TIME_SLOT TIME_SLOT_ID="t2" TIME_VALUE="2000"/>'
    first = '<ALIGNABLE_ANNOTATION ANNOTATION_ID="a0" TIME_SLOT_REF1="t1" TIME_SLOT_REF2="t2"/>'
    others = (
        f'<REF_ANNOTATION ANNOTATION_ID="a{n}" ANNOTATION_REF="a{n - 1}"/>' for n in reversed(range(1, count))
    )
    circle = (
        '<REF_ANNOTATION ANNOTATION_ID="b" ANNOTATION_REF="c"/>'
        '<REF_ANNOTATION ANNOTATION_ID="c" ANNOTATION_REF="b"/>'
    )
    inside = "".join(f"<ANNOTATION>{one}</ANNOTATION>" for one in (first, *others, circle))
    path.write_text(eaf(f"<TIME_ORDER>{slots}</TIME_ORDER>", f'<TIER TIER_ID="emotion">{inside}</TIER>'))
    rows = read_annotations(path)
    assert len(rows) == count + 2
    assert set(zip(rows["start_s"][:count], rows["end_s"][:count], strict=True)) == {(1.0, 2.0)}
    assert rows["reason"][count:].tolist() == ["bad_time"] * 2


@pytest.mark.parametrize("cell", ["9" * 400, "9" * 400 + ":00:00", "9" * 5000 + ":00", "9" * 400 + " days"])
def test_a_time_beyond_any_number_is_a_bad_time_of_its_row_alone(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "spans.csv"
    path.write_text(HEADER + f"a.mp4,{cell},2,sad\na.mp4,1,2,sad\n")
    assert read_annotations(path)["reason"].fillna("").tolist() == ["bad_time", ""]


def test_a_reader_that_takes_too_long_or_crashes_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.srt"
    path.write_text("")
    monkeypatch.setattr(bounded, "TIMEOUT_S", 1.0)
    with bounded.BoundedReaders() as readers:
        with pytest.raises(
            InputError, match=r"a\.srt: takes longer to read than .* save it again, or as CSV"
        ):
            readers.read(path, time.sleep, 60)
        with pytest.raises(InputError, match=r"a\.srt: its reader ended"):
            readers.read(path, crash)
        assert readers.read(path, divmod, 7, 3) == (2, 1)


def crash() -> None:
    import ctypes

    ctypes.string_at(0)
