"""The times of tables: every way to write them, and cells that may mean two."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emodal_data.annotations import read_annotations
from emodal_data.core.config import TableConfig
from emodal_data.core.errors import InputError


def read(
    tmp_path: Path, text: str, config: TableConfig | None = None, name: str = "spans.csv"
) -> pd.DataFrame:
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    return read_annotations(tmp_path / name, config or TableConfig())


def one(
    tmp_path: Path, start: str, end: str, config: TableConfig | None = None, mark: str = ","
) -> pd.Series:
    cells = ["a.mp4", start, end, "sad"]
    quoted = [f'"{cell}"' if mark in cell else cell for cell in cells]
    return read(
        tmp_path, mark.join(["film", "start", "end", "label"]) + "\n" + mark.join(quoted) + "\n", config
    ).iloc[0]


@pytest.mark.parametrize(
    ("start", "end", "config", "span"),
    [
        ("0 days 00:01:02.250000", "0 days 00:01:03", {}, (62.25, 63.0)),
        ("1 day, 0:00:01", "1 day, 0:00:02.5", {}, (86401.0, 86402.5)),
        ("833", "1094", {"unit": "frames", "frame_rate": 25}, (33.32, 43.76)),
        ("24", "48", {"unit": "frames", "frame_rate": "24000/1001"}, (1.001, 2.002)),
        ("1500", "2250.5", {"unit": "ms"}, (1.5, 2.2505)),
        ("0.5", "0.75", {"unit": "days"}, (43200.0, 64800.0)),
        ("00:23:48:04", "00:23:50:12", {"frame_rate": 25}, (1428.16, 1430.48)),
        ("01:00:00:00", "01:00:01:00", {"frame_rate": "24000/1001"}, (3603.6, 3604.601)),
        ("01:00:00;00", "01:00:01;00", {"frame_rate": "30000/1001"}, (3599.9964, 3600.9974)),
        ("00:20:57,256", "0:21:00,049", {}, (1257.256, 1260.049)),
        ("0,5", "1,25", {}, (0.5, 1.25)),
    ],
)
def test_a_time_is_read_in_every_form(
    tmp_path: Path, start: str, end: str, config: dict[str, object], span: tuple[float, float]
) -> None:
    row = one(tmp_path, start, end, TableConfig.model_validate(config))
    assert pd.isna(row["reason"])
    assert (row["start_s"], row["end_s"]) == pytest.approx(span, abs=1e-9)


@pytest.mark.parametrize(
    ("cell", "config", "fault"),
    [
        (
            "1,234",
            {},
            "is 1234 if ',' separates thousands and 1.234 if it is the decimal separator: write 1234 or 1.2340",
        ),
        ("1,234.5", {}, "has a thousands separator: write 1234.5"),
        ("1.234,5", {}, "has a thousands separator: write 1234.5"),
        ("1,234,567", {}, "has a thousands separator: write 1234567"),
        ("00:00:01:05", {}, "is a timecode, which needs the frame rate: set table.frame_rate"),
        ("00:00:01:25", {"frame_rate": 25}, "is no timecode at 25 frames a second"),
        (
            "00:01:00;02",
            {"frame_rate": 25},
            "drops frames, which is so at 30000/1001 and 60000/1001 frames a second, not at 25",
        ),
        (
            "00:01:00;01",
            {"frame_rate": "30000/1001"},
            "is no timecode that drops frames: the minute begins with 02",
        ),
        ("=B2+1", {}, "is a formula that was never calculated: open and save the file in a spreadsheet"),
        ("2026-02-01 00:00:00", {}, "is a date: the spreadsheet took the text for one"),
        ("-0.6", {}, "is more than 0.5 s before the film (table.clamp_s)"),
        ("soon", {}, "is no time; write start and end as seconds or [HH:]MM:SS[.mmm]"),
    ],
)
def test_a_cell_that_is_no_time_or_may_be_two_is_reported_with_what_it_would_mean(
    tmp_path: Path, cell: str, config: dict[str, object], fault: str
) -> None:
    row = one(tmp_path, cell, "9999", TableConfig.model_validate(config))
    assert row["reason"] == "bad_time"
    assert row["detail"].startswith(f"column start: {cell!r} {fault}")
    assert np.isnan(row["start_s"])


def test_three_decimals_after_a_comma_are_a_time_where_commas_are_decimal(tmp_path: Path) -> None:
    assert one(tmp_path, "1,234", "2,5", mark=";")["start_s"] == 1.234
    rows = read(tmp_path, 'film,start,end,label\na,"1,234","1,5",sad\nb,"0,500","2,750",sad\n')
    assert rows["start_s"].tolist() == [1.234, 0.5]


def test_three_decimals_after_a_point_are_two_times_beside_decimal_commas(tmp_path: Path) -> None:
    rows = read(tmp_path, "film;start;end;label\na;0,5;1.234;sad\nb;0,5;1,5;sad\n")
    assert rows["reason"].fillna("").tolist() == ["bad_time", ""]
    assert "'1.234' is 1234 if '.' separates thousands and 1.234 if it is" in rows["detail"][0]


def test_empty_start_and_end_are_the_whole_file_and_one_of_them_is_a_fault(tmp_path: Path) -> None:
    rows = read(tmp_path, "film,start,end,label\na,,,sad\nb,1,,sad\nc,,2,sad\n")
    assert rows["reason"].fillna("").tolist() == ["", "bad_time", "bad_time"]
    assert rows["start_s"].isna().tolist() == [True, False, True]
    assert rows.attrs["warnings"] == ("1 row without start and end is a whole file",)


def test_a_table_without_times_is_one_of_whole_files_unless_a_column_is_named_like_a_time(
    tmp_path: Path,
) -> None:
    assert read(tmp_path, "film,label\na,sad\n")["reason"].isna().all()
    with pytest.raises(
        InputError, match=r"no column 'start' \(did you mean 'onset'\?\), 'end' in the header"
    ):
        read(tmp_path, "film,label,onset,duration\na,sad,1,2\n")
    with pytest.raises(InputError, match=r'for whole files, start = "=" and end = "="'):
        read(tmp_path, "film,label,StartTime,EndTime\na,sad,1,2\n")
    whole = TableConfig(columns={"start": "=", "end": "="})
    assert read(tmp_path, "film,label,StartTime,EndTime\na,sad,1,2\n", whole)["start_s"].isna().all()


def test_a_duration_stands_for_the_end(tmp_path: Path) -> None:
    rows = read(
        tmp_path,
        "onset\tduration\tfilm\tlabel\n192.0\t12.0\ta\tsad\n204\tx\ta\tsad\n1\t\ta\tsad\n",
        TableConfig(columns={"start": "onset"}),
        "events.tsv",
    )
    assert rows["end_s"][0] == 204.0
    assert rows["reason"].fillna("").tolist() == ["", "bad_time", "bad_time"]
    assert rows["detail"][1].startswith("column duration: 'x' is no time")


def test_a_start_just_before_the_film_is_its_beginning_and_reported(tmp_path: Path) -> None:
    text = "film,start,end,label\na,-0.4575963718820862,7.5,sad\nb,-0.6,1,sad\nc,-1,1,sad\n"
    rows = read(tmp_path, text)
    assert rows["start_s"][0] == 0.0
    assert rows["detail"][0] == "start -0.4575963718820862 is before the film: taken as 0"
    assert rows["reason"].fillna("").tolist() == ["", "bad_time", "bad_time"]
    assert rows.attrs["warnings"] == ("1 starts are before the film and taken as 0, the first in row 2",)
    assert read(tmp_path, text, TableConfig(clamp_s=1.0))["start_s"].tolist() == [0.0, 0.0, 0.0]


def test_frame_rates_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"table\.frame_rate = 'fast': write frames per second"):
        read(tmp_path, "film,start,end,label\na,1,2,sad\n", TableConfig(frame_rate="fast"))
