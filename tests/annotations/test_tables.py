"""Annotation tables of every format, and every kind of wrong cell."""

import datetime
import json
import sys
from collections.abc import Iterable
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emodal_data.annotations import columns, count_votes, mapping, read_annotations, tables
from emodal_data.annotations.times import parse_time_s
from emodal_data.core.config import TableConfig
from emodal_data.core.errors import InputError
from emodal_data.core.label_words import DEFAULT_CLASSES as LABELS
from emodal_data.core.reasons import Reason

TABLE = "film,start,end,label\na.mp4,1,2.5,Happiness\nb.mkv,00:01:02.250,1:03,\n"


def write(tmp_path: Path, text: str, name: str = "spans.csv", encoding: str = "utf-8") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding=encoding)
    return path


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12.5", 12.5),
        ("12,5", 12.5),
        ("0", 0.0),
        (".5", 0.5),
        ("2:03.5", 123.5),
        ("1:02:03.250", 3723.25),
        ("00:00:01,500", 1.5),
        ("90:00", 5400.0),
    ],
)
def test_times_are_seconds_or_clock_times(text: str, seconds: float) -> None:
    assert parse_time_s(text) == pytest.approx(seconds, abs=1e-9)


@pytest.mark.parametrize(
    "text", ["", "abc", "-1", "nan", "inf", "1e3", "1:60", "1:60:00", "1:2:3:4", "1;2", "9" * 400]
)
def test_anything_else_is_not_a_time(text: str) -> None:
    assert parse_time_s(text) is None


@given(st.integers(0, 10**9))
def test_a_clock_time_means_the_same_as_its_seconds(milliseconds: int) -> None:
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    clock = f"{hours}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"
    assert parse_time_s(clock) == pytest.approx(milliseconds / 1000, abs=1e-6)


def test_a_csv_is_read_with_the_line_of_every_row(tmp_path: Path) -> None:
    rows = read_annotations(write(tmp_path, TABLE))
    assert rows["row"].tolist() == [2, 3]
    assert rows["film"].tolist() == ["a.mp4", "b.mkv"]
    assert rows["start_s"].tolist() == [1.0, 62.25]
    assert rows["end_s"].tolist() == [2.5, 63.0]
    assert rows["label"].tolist() == ["happy", None]
    assert rows["reason"].isna().all()


def test_every_table_format_gives_the_same_rows(tmp_path: Path) -> None:
    csv = write(tmp_path, TABLE)
    table = pd.read_csv(csv, dtype=str, keep_default_na=False)
    table.to_parquet(tmp_path / "spans.parquet")
    table.to_excel(tmp_path / "spans.xlsx", index=False)
    paths = [
        write(tmp_path, TABLE.replace(",", "\t"), "spans.tsv"),
        write(tmp_path, TABLE.replace(",", ";"), "semicolon.csv"),
        write(tmp_path, TABLE, "excel.csv", "utf-8-sig"),
        write(tmp_path, TABLE, "wide.csv", "utf-16"),
        tmp_path / "spans.parquet",
        tmp_path / "spans.xlsx",
    ]
    expected = read_annotations(csv)
    for path in paths:
        pd.testing.assert_frame_equal(read_annotations(path), expected)


def test_spreadsheet_numbers_times_and_durations_are_understood(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["film", "start", "end", "label"])
    book.active.append(["a.mp4", 3, 4.5, "sad"])
    book.active.append(["a.mp4", datetime.time(0, 1, 2), datetime.timedelta(seconds=63.5), "sad"])
    book.save(tmp_path / "spans.xlsx")
    rows = read_annotations(tmp_path / "spans.xlsx")
    assert rows["start_s"].tolist() == [3.0, 62.0]
    assert rows["end_s"].tolist() == [4.5, 63.5]


def test_every_bad_cell_becomes_the_reason_of_its_row(tmp_path: Path) -> None:
    text = "film,start,end,label\n,1,2,sad\na.mp4,one,2,sad\na.mp4,1,,sad\na.mp4,2,2,sad\na.mp4,1,2,SADNESS\n"
    rows = read_annotations(write(tmp_path, text))
    assert [None if pd.isna(r) else r for r in rows["reason"]] == [
        Reason.FILM_MISSING,
        Reason.BAD_TIME,
        Reason.BAD_TIME,
        Reason.END_NOT_AFTER_START,
        None,
    ]
    assert "'one'" in rows["detail"][1]
    assert "column end" in rows["detail"][2]


def test_columns_that_mean_something_are_known_in_any_case(tmp_path: Path) -> None:
    header = "Film,START,Duration,Label,Speaker,Series,Split,Fold,Face_Side\n"
    rows = read_annotations(write(tmp_path, header + "a.mp4,1,2,sad,x,s1,train,3,left\n"))
    names = ["film", "end_s", "speaker", "series", "split_in_table", "fold_in_table", "face_region"]
    assert rows[names].to_numpy().tolist() == [["a.mp4", 3.0, "x", "s1", "train", "3", "left"]]


def test_line_numbers_survive_blank_lines_and_quoted_newlines(tmp_path: Path) -> None:
    text = 'film,start,end,label,note\na.mp4,1,2,sad,"two\nlines"\n\n,,,,\nb.mp4,1,2,sad,x\n'
    rows = read_annotations(write(tmp_path, text))
    assert rows["row"].tolist() == [2, 6]
    assert rows["note"].tolist() == ["two\nlines", "x"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'film'"),
        ("film start end label\na 1 2 sad\n", 'set table.delimiter = "whitespace"'),
        ("a.mp4,1,2,sad\nb.mp4,1,2,sad\n", "no header, set table.header = false"),
        ("film,start,end,label\n", "no rows"),
        ("film,start,stop,label\na,1,2,sad\n", "no column 'end'"),
        ("flim,start,end,label\na,1,2,sad\n", "did you mean 'flim'"),
        ("film,start,end,label,label\na,1,2,sad,sad\n", "appears twice"),
        ("film,start,end,label\na,1,2,sad,more\n", "row 2 has 5 cells"),
        ('film,start,end,label\n"a,1,2,sad\n', "row 2 is not valid CSV"),
    ],
)
def test_a_table_that_is_not_an_annotation_table_is_refused_in_one_line(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(InputError, match=message) as error:
        read_annotations(write(tmp_path, text))
    assert "\n" not in str(error.value)


def test_files_that_are_not_what_their_name_says_are_refused(tmp_path: Path) -> None:
    for name in ("spans.parquet", "spans.xlsx"):
        with pytest.raises(InputError, match="not a"):
            read_annotations(write(tmp_path, "nonsense", name))
    (tmp_path / "latin.csv").write_bytes("film,start,end,label\nM\xfcnchen.mp4,1,2,sad\n".encode("latin-1"))
    with pytest.raises(InputError, match="row 2 is not UTF-8"):
        read_annotations(tmp_path / "latin.csv")
    with pytest.raises(InputError, match="no such annotation file"):
        read_annotations(tmp_path / "absent.csv")
    with pytest.raises(InputError, match=r"not \.doc"):
        read_annotations(write(tmp_path, "x", "spans.doc"))


def test_the_encoding_and_the_mapping_of_a_table_hold_for_every_format(tmp_path: Path) -> None:
    config = TableConfig(encoding="gbk", columns={"annotator": "=one"})
    record = '[{"film": "a.mp4", "start": 1, "end": 2, "label": "高兴"}]'
    task = '[{"data": {"video": "a.mp4"}, "annotations": [{"result": [{"type": "labels", "value": '
    texts = {
        "a.srt": "1\n00:00:01,000 --> 00:00:02,000\n高兴\n",
        "a.json": record,
        "b.json": task + '{"start": 1, "end": 2, "labels": ["高兴"]}}]}]}]',
    }
    for name, text in texts.items():
        rows = read_annotations(write(tmp_path, text, name, "gbk"), config)
        row = rows[["start_s", "annotator", "label_as_written"]]
        assert row.to_numpy().tolist() == [[1.0, "one", "高兴"]], name
    head = "film,start,end,label\n"
    for encoding in ("utf-32", "utf-16"):
        assert len(read_annotations(write(tmp_path, head + "a,1,2,sad\n", encoding=encoding))) == 1
    with pytest.raises(InputError, match=r"set table\.encoding to utf-16-be"):
        read_annotations(write(tmp_path, head, encoding="utf-16-be"))


def test_rows_that_lack_cells_of_known_columns_are_counted_in_a_warning(tmp_path: Path) -> None:
    path = write(tmp_path, "film,start,end,label,note\na,1,2,sad\na,3\n\na,5,6\n")
    rows = read_annotations(path)
    assert rows["row"].tolist() == [2, 3, 5]
    assert rows.attrs["warnings"] == (
        f"{path}: 2 rows have fewer cells than the header, the first is row 3: what is missing is empty",
    )


def test_words_for_no_name_are_reported_where_names_are_read(tmp_path: Path) -> None:
    text = "film,start,end,label,speaker\na,1,2,sad,nan\na,3,4,sad,nan\na,5,6,sad,Unknown\na,7,8,sad,\n"
    assert read_annotations(write(tmp_path, text)).attrs["warnings"] == (
        "column 'speaker': 'nan' is a name in 2 rows: leave the cell empty if it means unknown",
        "column 'speaker': 'Unknown' is a name in 1 row: leave the cell empty if it means unknown",
    )


def votes(*rows: tuple[str, str, str | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["clip_id", "annotator", "label"]).astype(object)
    return frame.assign(speaker=None)


def test_the_majority_wins_with_its_share_of_the_votes() -> None:
    result = count_votes(votes(("c", "x", "sad"), ("c", "y", "sad"), ("c", "z", "angry")), LABELS).clips
    assert result.loc["c", ["label", "votes", "tied"]].tolist() == ["sad", 3, False]
    assert result.loc["c", "label_confidence"] == pytest.approx(2 / 3)


def test_a_tie_has_no_label_and_an_empty_label_is_not_a_vote() -> None:
    result = count_votes(
        votes(("t", "x", "sad"), ("t", "y", "angry"), ("u", "x", None), ("v", "x", None), ("v", "y", "sad")),
        LABELS,
    )
    assert [None if pd.isna(label) else label for label in result.clips["label"]] == [None, None, "sad"]
    assert result.clips["tied"].tolist() == [True, False, False]
    assert result.clips["label_confidence"].isna().tolist() == [True, True, False]


def test_an_annotator_votes_once_but_rows_without_a_name_all_count() -> None:
    named = count_votes(votes(("c", "x", "sad"), ("c", "x", "angry"), ("c", "y", "sad")), LABELS)
    assert named.repeated.tolist() == [1]
    assert named.clips.loc["c", "label"] == "sad"
    assert named.clips.loc["c", "label_confidence"] == 1.0
    unnamed = count_votes(votes(("c", "", "sad"), ("c", "", "sad"), ("c", "", "angry")), LABELS)
    assert unnamed.repeated.empty
    assert unnamed.clips.loc["c", "votes"] == 3


PLAIN_CELL = st.text(st.sampled_from("a1.,;é \t\x1c\x85\u3000'=\"\r\n\ufeff"), max_size=4) | st.sampled_from(
    ["12.5", "a.mp4"]
)


@given(
    st.lists(st.lists(PLAIN_CELL, min_size=3, max_size=5), max_size=5),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_a_long_table_is_read_as_a_short_one(
    tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]], line_end: str, is_plain: bool
) -> None:
    if is_plain:  # else most tables have a line that must be read row by row
        cells = [
            [cell.replace('"', "").replace(",", "").strip("\r\n") for cell in (row * 2)[:4]] for row in cells
        ]
    lines = ["film,start,end,label", "a.mp4,1,2,happy", *map(",".join, cells), "b.mp4,1,2,happy"]
    path = tmp_path_factory.getbasetemp() / "long.csv"
    path.write_text(line_end.join(lines), newline="")

    def table(rows: Iterable[columns.Row], block: columns.Block | None) -> pd.DataFrame | str:
        try:
            return columns.table_of_rows(path, rows, mapping.PLAIN, block)
        except InputError as error:
            return str(error)

    row_by_row = table(tables.read_csv(path), None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "_LONG_TEXT", 0)
        patch.setattr(tables, "_ROWS_BEFORE_BLOCK", 2)
        at_once = table(*tables.read_long_csv(path))
    if isinstance(row_by_row, str) or isinstance(at_once, str):
        assert row_by_row == at_once
    else:
        pd.testing.assert_frame_equal(row_by_row, at_once)


def test_a_long_plain_table_is_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "film,start,end,label\na.mp4,1,2,happy\n b.mp4\u3000,3,4,\n,,\t,\n")
    monkeypatch.setattr(tables, "_LONG_TEXT", 0)
    monkeypatch.setattr(tables, "_ROWS_BEFORE_BLOCK", 2)
    _, block = tables.read_long_csv(path)
    assert block is not None
    assert block.lines.tolist() == [3, 4]
    rows = read_annotations(path)
    assert rows["row"].tolist() == [2, 3]
    assert rows["film"].tolist() == ["a.mp4", "b.mp4"]


def test_blocks_are_trimmed_of_what_text_is_trimmed_of() -> None:
    assert set(columns._BLANKS) == {chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()}


def test_tasks_that_an_annotator_rejected_are_reported(tmp_path: Path) -> None:
    answers = ["accept", "reject", "ignore"]
    rows = [{"film": "a", "start": n, "end": n + 1, "label": "sad", "answer": answers[n]} for n in range(3)]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (warning,) = read_annotations(tmp_path / "t.jsonl").attrs["warnings"]
    assert "2 rows are rejected or ignored, the first is row 2, and read like the others" in warning
