"""Tables as spreadsheets leave them: separators, quotation marks, numbers, clock times, formulas."""

import datetime
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from openpyxl.styles import Font

from emodal_data.annotations import count_votes, read_annotations
from emodal_data.core.config import TableConfig
from emodal_data.core.errors import InputError

HEADER = ["film", "start", "end", "label"]


def write(tmp_path: Path, text: str, name: str = "spans.csv", encoding: str = "utf-8") -> Path:
    (tmp_path / name).write_bytes(text.encode(encoding))
    return tmp_path / name


def book(
    tmp_path: Path, *rows: list[object], formats: dict[str, str] | None = None, name: str = "s.xlsx"
) -> Path:
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(row)
    for cell, code in (formats or {}).items():
        workbook.active[cell].number_format = code
    workbook.save(tmp_path / name)
    return tmp_path / name


def test_quotation_marks_of_a_tab_separated_table_hide_no_row(tmp_path: Path) -> None:
    text = (
        'film\tstart\tend\tlabel\tutterance\na\t0.5\t1.5\tangry\t"Get out\na\t1.5\t2.5\tsad\tI am leaving\n'
        'a\t2.5\t3.5\thappy\tof here"\na\t3.5\t4.5\tneutral\t"Get out" he said\na\t5\t6\tsad\t"a ""b"""\n'
    )
    rows = read_annotations(write(tmp_path, text, "spans.tsv"))
    assert rows["row"].tolist() == [2, 3, 4, 5, 6]
    assert rows["label"].tolist() == ["angry", "sad", "happy", "neutral", "sad"]
    assert rows["utterance"].tolist() == [
        '"Get out',
        "I am leaving",
        'of here"',
        '"Get out" he said',
        'a "b"',
    ]


def test_a_tab_separated_cell_of_several_lines_is_still_one(tmp_path: Path) -> None:
    text = 'film\tstart\tend\tlabel\tnote\na\t1\t2\tsad\t"two\nlines"\nb\t1\t2\tsad\tx\n'
    rows = read_annotations(write(tmp_path, text, "spans.tsv"))
    assert rows["row"].tolist() == [2, 4]
    assert rows["note"].tolist() == ["two\nlines", "x"]


def test_a_quotation_mark_that_would_hide_rows_of_a_csv_is_refused_unless_it_is_meant(tmp_path: Path) -> None:
    text = 'film,start,end,label,note\na,1,2,sad,"oh\nb,1,2,sad,x\nc,1,2,sad,no"\nd,1,2,sad,y\n'
    path = write(tmp_path, text)
    with pytest.raises(
        InputError, match=r"row 2: a quotation mark opens a cell that holds the next rows as far as row 4"
    ):
        read_annotations(path)
    assert read_annotations(path, TableConfig(quotes="never"))["film"].tolist() == ["a", "b", "c", "d"]
    assert read_annotations(path, TableConfig(quotes="always"))["film"].tolist() == ["a", "d"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_that_names_the_separator_is_no_header(tmp_path: Path, end: str) -> None:
    text = end.join(["sep=;", "film;start;end;label", "a;0,5;1,5;angry", ""])
    rows = read_annotations(write(tmp_path, text))
    assert rows[["row", "start_s", "end_s"]].to_numpy().tolist() == [[3, 0.5, 1.5]]


def test_utf16_without_a_mark_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "film,start,end,label\na,0.5,1.5,angry\n", encoding="utf-16-le")
    with pytest.raises(InputError, match="UTF-16 without a byte order mark: save as UTF-8"):
        read_annotations(path)
    assert len(read_annotations(path, TableConfig(encoding="utf-16-le"))) == 1


def test_minutes_and_seconds_typed_into_a_spreadsheet_are_never_hours(tmp_path: Path) -> None:
    rows = [["a", datetime.time(2, 5), datetime.timedelta(hours=26, minutes=8), "sad"]]
    read = read_annotations(book(tmp_path, HEADER, *rows, formats={"B2": "h:mm", "C2": "[h]:mm"})).iloc[0]
    assert read["reason"] == "bad_time"
    assert read["detail"] == (
        "column start: '2:05 [h:mm]' is a clock time without seconds, 125 s if 2 is minutes and 7500 s if it is hours: "
        "write 0:02:05 or 2:05:00"
    )
    shown = read_annotations(book(tmp_path, HEADER, *rows, formats={"B2": "h:mm:ss", "C2": "[h]:mm:ss"}))
    assert shown[["start_s", "end_s"]].to_numpy().tolist() == [[7500.0, 94080.0]]


def test_a_formula_that_was_never_calculated_is_reported(tmp_path: Path) -> None:
    read = read_annotations(book(tmp_path, HEADER, ["a", 0.5, "=B2+1", "sad"])).iloc[0]
    assert read["reason"] == "bad_time"
    assert read["detail"] == (
        "column end: '=B2+1' is a formula that was never calculated: open and save the file in a spreadsheet"
    )


def test_a_cell_that_became_a_date_is_reported(tmp_path: Path) -> None:
    read = read_annotations(book(tmp_path, HEADER, ["a", datetime.datetime(2026, 2, 1), 3, "sad"])).iloc[0]
    assert read["reason"] == "bad_time"
    assert "'2026-02-01' is a date" in read["detail"]


def test_an_error_in_a_cell_is_a_text_and_not_an_empty_cell(tmp_path: Path) -> None:
    path = book(tmp_path, HEADER, ["a", "#N/A", "#REF!", "sad"], ["a", 1, 2, "#N/A"])
    rows = read_annotations(path)
    assert rows["reason"].fillna("").tolist() == ["bad_time", ""]
    assert "'#N/A' is no time" in rows["detail"][0]
    assert rows["label_mapped_to"].tolist() == ["sad", "#n/a"]


def test_a_cell_that_is_merged_over_several_rows_is_that_of_each_of_them(tmp_path: Path) -> None:
    path = book(tmp_path, [*HEADER, "speaker"], ["a", 1, 2, "sad", "x"], [None, 2, 3], [None, 3, 4, "angry"])
    workbook = openpyxl.load_workbook(path)
    for cells in ("A2:A4", "D2:D3", "E2:E4", "J2:J9"):
        workbook.active.merge_cells(cells)
    workbook.save(path)
    rows = read_annotations(path)
    assert rows["film"].tolist() == ["a"] * 3
    assert rows["label"].tolist() == ["sad", "sad", "angry"]
    assert rows["speaker"].tolist() == ["x"] * 3


def test_a_hidden_sheet_is_not_read_and_a_second_sheet_is_not_lost(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    for name, film in (("old", "a"), ("first", "b"), ("notes", "c")):
        sheet = workbook.create_sheet(name)
        sheet.append(HEADER if name != "notes" else ["please", "read"])
        sheet.append([film, 1, 2, "sad"])
    del workbook["Sheet"]
    workbook["old"].sheet_state = "hidden"
    workbook.active = 1
    workbook.save(tmp_path / "s.xlsx")
    rows = read_annotations(tmp_path / "s.xlsx")
    assert rows["film"].tolist() == ["b"]
    assert rows.attrs["warnings"] == (
        f"{tmp_path / 's.xlsx'}: only sheet 'first' is read, not 'notes': see table.sheet",
    )
    workbook["old"].sheet_state = "visible"
    workbook["old"].insert_cols(2)  # other columns beside the known ones
    workbook.save(tmp_path / "s.xlsx")
    with pytest.raises(InputError, match="the sheets 'old' and 'first' have the same columns: choose one"):
        read_annotations(tmp_path / "s.xlsx")
    workbook.move_sheet("notes", -2)
    workbook.save(tmp_path / "s.xlsx")
    with pytest.raises(
        InputError, match=r"sheet 'notes' is no table, and 'old' looks like one: set table\.sheet"
    ):
        read_annotations(tmp_path / "s.xlsx")


def test_hidden_rows_are_read_and_counted_in_a_warning(tmp_path: Path) -> None:
    path = book(tmp_path, HEADER, ["a", 1, 2, "sad"], ["a", 3, 4, "angry"], ["a", 5, 6, "sad"])
    assert read_annotations(path).attrs["warnings"] == ()
    workbook = openpyxl.load_workbook(path)
    for line in (3, 4, 9):  # the last has no cells
        workbook.active.row_dimensions[line].hidden = True
    workbook.save(path)
    rows = read_annotations(path)
    assert rows["start_s"].tolist() == [1, 3, 5]
    assert rows.attrs["warnings"] == (
        f"{path}: 2 hidden rows are read like all others: delete what is not meant",
    )


def test_rows_that_are_struck_through_are_read_and_counted_in_a_warning(tmp_path: Path) -> None:
    path = book(tmp_path, HEADER, ["a", 1, 2, "sad"], ["a", 3, 4, "angry"], ["a", 5, 6, "sad"])
    workbook = openpyxl.load_workbook(path)
    for cell in (*workbook.active[3], workbook.active["E9"]):  # the last is empty
        cell.font = Font(strike=True)
    workbook.active["A2"].font = Font(bold=True)
    workbook.save(path)
    rows = read_annotations(path)
    assert rows["start_s"].tolist() == [1, 3, 5]
    assert rows.attrs["warnings"] == (
        f"{path}: 1 row is struck through and read like all others: delete what is not meant",
    )


def test_a_title_above_the_header_is_named_and_can_be_skipped(tmp_path: Path) -> None:
    path = book(tmp_path, [], [None, "My spans"], [None, *HEADER], [None, "a", 1, 2, "sad"])
    with pytest.raises(InputError, match=r"row 2 is no header, .* set table\.skip to 2, the number"):
        read_annotations(path)
    rows = read_annotations(path, TableConfig(skip=2))
    assert rows[["row", "film", "start_s"]].to_numpy().tolist() == [[4, "a", 1.0]]
    text = "# by me, today\n# x\n\nfilm;start;end;label\na;1,5;2;sad\n"
    rows = read_annotations(write(tmp_path, text), TableConfig(skip=2))
    assert rows[["row", "film", "start_s"]].to_numpy().tolist() == [[5, "a", 1.5]]
    via = '# Exported\n# CSV_HEADER\n"1_a","[""a.mp4""]",1,2,"{""1"":""sad""}"\n'
    columns = {"start": "3", "end": "4", "label": "word"}
    extract = {"2": '"(?P<film>.*)"', "5": ':"(?P<word>.*)"'}
    rows = read_annotations(
        write(tmp_path, via), TableConfig(skip=2, header=False, columns=columns, extract=extract)
    )
    assert rows[["row", "film", "start_s", "label"]].to_numpy().tolist() == [[3, "a.mp4", 1.0, "sad"]]


def test_numbers_of_spreadsheets_are_the_same_names_as_in_text(tmp_path: Path) -> None:
    header = [*HEADER, "annotator", "speaker"]
    folder = tmp_path / "ann"
    folder.mkdir()
    book(folder, header, [1917, 0.5, 1.5, "angry", 1, 7], [1917, 0.5, 1.5, "angry", 2, 7], name="second.xlsx")
    write(folder, ",".join(header) + "\n1917,0.5,1.5,sad,1,7\n1917,0.5,1.5,sad,3.0,7.0\n", "first.csv")
    rows = read_annotations(folder)
    assert rows["film"].unique().tolist() == ["1917"]
    assert rows["annotator"].tolist() == ["1", "3", "1", "2"]
    assert rows["speaker"].unique().tolist() == ["7"]
    votes = count_votes(rows.assign(clip_id="c"), ("angry", "happy", "neutral", "sad"))
    assert votes.repeated.tolist() == [2]


def test_one_person_in_composed_and_decomposed_letters_is_one(tmp_path: Path) -> None:
    text = "film,start,end,label,annotator,speaker\na,1,2,sad,Zo\u00eb,Jos\u00e9\na,1,2,angry,Zoe\u0308,Jose\u0301\n"
    rows = read_annotations(write(tmp_path, text))
    assert rows["annotator"].unique().tolist() == ["Zo\u00eb"]
    assert rows["speaker"].unique().tolist() == ["Jos\u00e9"]


def test_a_sheet_is_chosen_by_name_or_number(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    workbook.active.append(["nothing"])
    sheet = workbook.create_sheet("Spans")
    for row in (HEADER, ["a", 1, 2, "sad"], [" ", None, None, None], [None] * 4):
        sheet.append(row)
    workbook.save(tmp_path / "s.xlsx")
    for chosen in ("Spans", 2):
        assert read_annotations(tmp_path / "s.xlsx", TableConfig(sheet=chosen))["film"].tolist() == ["a"]
    with pytest.raises(InputError, match="no sheet 'spans'; its sheets are Sheet, Spans"):
        read_annotations(tmp_path / "s.xlsx", TableConfig(sheet="spans"))


def test_bytes_and_lists_of_a_parquet_table_are_their_words(tmp_path: Path) -> None:
    table = pd.DataFrame({"film": [b"\xc3\xa9.mp4"], "start": [1], "end": [2], "label": [["sad"]]})
    table.to_parquet(tmp_path / "t.parquet")
    rows = read_annotations(tmp_path / "t.parquet")
    assert rows[["film", "label"]].to_numpy().tolist() == [["é.mp4", "sad"]]


def test_whole_numbers_of_a_parquet_table_with_gaps_are_names_without_decimals(tmp_path: Path) -> None:
    table = pd.DataFrame({"film": ["a", "b"], "start": 1, "end": 2.5, "label": "sad", "speaker": [7, None]})
    table.to_parquet(tmp_path / "t.parquet")
    assert read_annotations(tmp_path / "t.parquet")["speaker"].tolist()[0] == "7"
