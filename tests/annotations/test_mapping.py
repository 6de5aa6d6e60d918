"""Tables with other names and formats, and folders of clips without a table."""

import json
from pathlib import Path

import pandas as pd
import pytest

from emodal_data.annotations import annotations_sha256, read_annotations
from emodal_data.core.config import TableConfig, TableFile
from emodal_data.core.errors import InputError
from tests.annotations.rows import spans_of


def write(tmp_path: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding=encoding, newline="")
    return path


def cells(rows: pd.DataFrame, *names: str) -> list[list[object]]:
    return rows[list(names)].astype(object).where(rows[list(names)].notna(), None).to_numpy().tolist()


def test_columns_are_renamed_and_the_others_stay(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "Filename,From,To,Emotion,label,note\na.mp4,1,2,sad,7,x\n")
    columns = {"film": "Filename", "start": "From", "end": "To", "label": "Emotion"}
    rows = read_annotations(path, TableConfig(columns=columns))
    assert cells(rows, "film", "start_s", "end_s", "label", "label_in_table", "note") == [
        ["a.mp4", 1.0, 2.0, "sad", "7", "x"]
    ]
    assert not {"Filename", "From", "To", "Emotion"} & set(rows.columns)


def test_a_template_makes_a_cell_of_several_columns(tmp_path: Path) -> None:
    path = write(
        tmp_path, "t.csv", "Dialogue_ID,Utterance_ID,n,Emotion,p\n0,12,7,sad,/x/02522\n3,1,7.0,happy,b\n"
    )
    columns = {
        "film": "dia{Dialogue_ID}_utt{Utterance_ID}.mp4",
        "label": "Emotion",
        "speaker": "s{n:03d}",
        "clip": "{p.stem:d}.mp4",
    }
    rows = read_annotations(path, TableConfig(columns=columns))
    assert cells(rows, "film", "speaker", "clip", "Dialogue_ID") == [
        ["dia0_utt12.mp4", "s007", "2522.mp4", "0"],
        ["dia3_utt1.mp4", "s007", "b.mp4", "3"],
    ]


def test_a_constant_is_the_same_for_all_rows_and_an_empty_one_leaves_rows_unlabelled(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "film,start,end\na.mp4,1,2\n")
    rows = read_annotations(path, TableConfig(columns={"label": "=angry", "annotator": "=me"}))
    assert cells(rows, "label", "annotator") == [["angry", "me"]]
    assert cells(read_annotations(path, TableConfig(columns={"label": "="})), "label", "reason") == [
        [None, None]
    ]


def test_a_regular_expression_takes_columns_out_of_a_column(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "file,emotion\n03a01Fa.wav,happy\nodd.wav,sad\n")
    config = TableConfig(
        columns={"film": "file", "label": "emotion"},
        extract={"file": r"^(?P<speaker>\d\d)(?P<text>[a-z]\d\d)"},
    )
    rows = read_annotations(path, config)
    assert cells(rows, "film", "speaker", "text") == [["03a01Fa.wav", "03", "a01"], ["odd.wav", None, ""]]
    assert rows.attrs["warnings"][0] == (
        f"{path}: table.extract: 1 cells of 'file' do not match, such as 'odd.wav': what they should give is empty"
    )


def test_all_missing_columns_are_named_at_once_with_the_nearest_names(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "Sr No.,Utterance,Emotion,StartTime,EndTime\n1,x,joy,1,2\n")
    with pytest.raises(InputError) as error:
        read_annotations(path)
    line = str(error.value)
    assert "\n" not in line
    assert "no column 'film', 'start' (did you mean 'StartTime'?), 'end' (did you mean 'EndTime'?)," in line
    assert (
        "'label' (did you mean 'Emotion'?) in the header (Sr No., Utterance, Emotion, StartTime, EndTime)"
        in line
    )
    assert 'table.columns = { film = "...", start = "StartTime", end = "EndTime", label = "Emotion" }' in line


def test_all_sources_that_are_missing_are_named_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "Filename,start,end,Emotion\na,1,2,sad\n")
    config = TableConfig(columns={"film": "{Filenam}.mp4", "label": "emotion", "speaker": "who"})
    with pytest.raises(InputError) as error:
        read_annotations(path, config)
    assert "film = '{Filenam}.mp4'; did you mean 'Filename'?" in str(error.value)
    assert "label = 'emotion'; did you mean 'Emotion'?" in str(error.value)
    assert "speaker = 'who'" in str(error.value)


def test_several_files_have_mappings_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, "ann/train.csv", "d,u,Emotion\n0,0,sad\n")
    write(tmp_path, "ann/dev.csv", "d,u,Feeling\n0,0,happy\n")
    write(tmp_path, "ann/other.csv", "not,a,table\n")
    config = TableConfig(
        columns={"label": "Emotion"},
        files=(
            TableFile(path="train.csv", split="train", film="train_splits/dia{d}_utt{u}.mp4"),
            TableFile(path="d*.csv", split="dev", film="dev/dia{d}_utt{u}.mp4", columns={"label": "Feeling"}),
        ),
    )
    rows = read_annotations(tmp_path / "ann", config)
    assert cells(rows, "film", "label", "split_in_table", "annotation_file") == [
        ["train_splits/dia0_utt0.mp4", "sad", "train", "train.csv"],
        ["dev/dia0_utt0.mp4", "happy", "dev", "dev.csv"],
    ]
    with pytest.raises(InputError, match=r"table.files: no file x.csv"):
        read_annotations(tmp_path / "ann", TableConfig(files=(TableFile(path="x.csv"),)))
    with pytest.raises(InputError, match="give the folder as annotations"):
        read_annotations(tmp_path / "ann" / "train.csv", config)


def test_a_table_without_a_header_has_numbered_columns(tmp_path: Path) -> None:
    path = write(tmp_path, "set_1_train.txt", "/x/DFEW/02522 66 5\n\n/x/DFEW/00003  40\t1\n")
    config = TableConfig(
        header=False, delimiter="whitespace", columns={"film": "{1.stem:d}.mp4", "label": "=sad", "code": "3"}
    )
    rows = read_annotations(path, config)
    assert cells(rows, "row", "film", "code", "2") == [[1, "2522.mp4", "5", "66"], [3, "3.mp4", "1", "40"]]


def test_the_encoding_and_delimiter_can_be_given(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "film|start|end|label\nM\xfcnchen.mp4|1|2|sad\n", "latin-1")
    rows = read_annotations(path, TableConfig(encoding="latin-1", delimiter="|"))
    assert cells(rows, "film", "start_s") == [["München.mp4", 1.0]]
    path = write(tmp_path, "mosei.txt", 'a_1___0___4.8___5.6___"key", is\n\na_1___1___5.9___7.1___that\n')
    columns = {"film": "1", "start": "3", "end": "4", "label": "=sad"}
    rows = read_annotations(path, TableConfig(header=False, delimiter="___", columns=columns))
    assert cells(rows, "row", "film", "start_s", "end_s", "5") == [
        [1, "a_1", 4.8, 5.6, '"key", is'],
        [3, "a_1", 5.9, 7.1, "that"],
    ]


def test_json_records_and_json_lines_are_tables(tmp_path: Path) -> None:
    records = [
        {"film": "a.mp4", "start": 1, "end": 2.5, "label": "sad", "meta": {"who": 7.0}},
        {"film": "b.mp4", "start": "0:01", "end": 3, "label": None, "flag": True},
    ]
    expected = [[2, "a.mp4", 1.0, 2.5, "sad", "7", ""], [3, "b.mp4", 1.0, 3.0, None, "", "true"]]
    names = ("row", "film", "start_s", "end_s", "label", "meta.who", "flag")
    assert cells(read_annotations(write(tmp_path, "t.json", json.dumps(records))), *names) == expected
    text = "\n" + "\n".join(map(json.dumps, records))
    assert cells(read_annotations(write(tmp_path, "t.jsonl", text)), *names) == expected
    keyed = write(tmp_path, "k.json", json.dumps({"a": {"start": 1, "end": 2, "label": "sad"}}))
    assert cells(read_annotations(keyed, TableConfig(columns={"film": "{key}.mp4"})), "film") == [["a.mp4"]]
    with pytest.raises(InputError, match="row 2 is not valid JSON"):
        read_annotations(write(tmp_path, "bad.jsonl", '{"film": "a"}\n{'))


def test_each_of_the_votes_that_a_column_counts_is_a_row(tmp_path: Path) -> None:
    text = "name,1happy,2sad,7other,label\na.mp4,2,1,0,9\nb.mp4,,0,,9\nc.mp4,0.0,1.0,1,9\n"
    config = TableConfig(
        columns={"film": "name"}, votes={"happy": "1happy", "sad": "2sad", "other": "7other"}
    )
    rows = read_annotations(write(tmp_path, "votes.csv", text), config)
    expected = [[2, "happy"], [2, "happy"], [2, "sad"], [3, ""], [4, "sad"], [4, "other"]]
    assert cells(rows, "row", "label_as_written") == expected
    assert set(rows["label_in_table"]) == {"9"}
    assert set(rows["annotator"]) == {""}
    with pytest.raises(InputError, match=r"row 3: '0\.5' is no number of votes"):
        read_annotations(write(tmp_path, "votes.csv", text.replace(",,0,", ",,0.5,")), config)
    with pytest.raises(InputError, match="sad = '2sda'; did you mean '2sad'"):
        read_annotations(tmp_path / "votes.csv", TableConfig(columns={"film": "name"}, votes={"sad": "2sda"}))


RECORDS = [
    {"film": "a.mp4", "start": 1, "end": 2, "label": ["sad"]},
    {"film": "b.mp4", "start": 3, "end": 4, "label": []},
]


@pytest.mark.parametrize(
    "content",
    [
        RECORDS,
        {"version": 1, "annotations": RECORDS},
        {"a.mp4": RECORDS[:1], "b.mp4": RECORDS[1:]},
        {name: {str(n): record[name] for n, record in enumerate(RECORDS)} for name in RECORDS[0]},
        {"columns": list(RECORDS[0]), "index": [0, 1], "data": [list(r.values()) for r in RECORDS]},
        {"schema": {"fields": []}, "data": RECORDS},
    ],
)
def test_records_within_an_object_are_rows_and_lists_of_words_are_words(
    tmp_path: Path, content: object
) -> None:
    rows = read_annotations(write(tmp_path, "t.json", json.dumps(content)))
    names = ("row", "film", "start_s", "end_s", "label")
    assert cells(rows, *names) == [[2, "a.mp4", 1.0, 2.0, "sad"], [3, "b.mp4", 3.0, 4.0, None]]


def test_records_within_a_record_are_rows_if_a_mapped_column_is_in_them(tmp_path: Path) -> None:
    films = [
        {"file": "a.mp4", "who": "x", "spans": [{"t": [1, 2], "emo": "sad"}, {"t": [3, 4], "emo": "happy"}]},
        {"file": "b.mp4", "who": "y", "spans": []},
        {"file": "c.mp4", "who": "z", "spans": [{"t": [5, 6.5], "emo": ["sad", "happy"]}]},
    ]
    config = TableConfig(
        columns={"film": "file", "speaker": "who", "label": "spans.emo"},
        extract={"spans.t": "(?P<start>.*), (?P<end>.*)"},
    )
    expected = [
        ["a.mp4", 1.0, 2.0, "sad", "x"],
        ["a.mp4", 3.0, 4.0, "happy", "x"],
        ["c.mp4", 5.0, 6.5, "sad, happy", "z"],
    ]
    names = ("film", "start_s", "end_s", "label_as_written", "speaker")
    for name, text in (
        ("t.json", json.dumps(films)),
        ("o.json", json.dumps({"videos": films})),
        ("t.jsonl", "\n".join(map(json.dumps, films))),
    ):
        assert cells(read_annotations(write(tmp_path, name, text), config), *names) == expected
    with pytest.raises(InputError, match="list of flat records"):
        read_annotations(tmp_path / "t.json", TableConfig(columns={"film": "file"}))


def test_a_name_that_an_object_has_twice_is_refused(tmp_path: Path) -> None:
    record = '{"start": 1, "end": 2, "label": "sad"}'
    for name, text in (("t.json", f'{{"a": {record}, "a": {record}}}'), ("t.jsonl", '{"a": 1, "a": 2}')):
        with pytest.raises(InputError, match="the name 'a' appears twice in an object"):
            read_annotations(write(tmp_path, name, text))


def clips(tmp_path: Path, *names: str) -> Path:
    for name in names:
        write(tmp_path / "films", name, "film")
    return tmp_path / "films"


def test_a_pattern_makes_rows_of_a_folder_of_clips(tmp_path: Path) -> None:
    films = clips(
        tmp_path, "train/Angry/1.avi", "test/Sad/2.avi", "stray.avi", ".x/Sad/3.avi", "train/Angry/n.txt"
    )
    rows = read_annotations(films, TableConfig(pattern="{split}/{label}/{name}.avi"), films)
    assert cells(rows, "row", "film", "label", "split_in_table", "name") == [
        [1, "test/Sad/2.avi", "sad", "test", "2"],
        [2, "train/Angry/1.avi", "angry", "train", "1"],
    ]
    assert rows.attrs["warnings"][0] == (
        f"1 file of {films} left out: no match with {{split}}/{{label}}/{{name}}.avi, such as stray.avi"
    )


def test_the_films_of_a_folder_below_the_films_folder_have_its_name_before_theirs(tmp_path: Path) -> None:
    films = clips(tmp_path, "CAER/train/Sad/1.avi")
    rows = read_annotations(films / "CAER", TableConfig(pattern="{split}/{label}/{n}.avi"), films)
    assert cells(rows, "film") == [["CAER/train/Sad/1.avi"]]


def test_a_pattern_of_a_name_is_looked_for_in_every_folder(tmp_path: Path) -> None:
    films = clips(tmp_path, "Actor_01/01-01-04-02-01-02-01.mp4", "Actor_01/02-01-04-02-01-02-01.mp4")
    pattern = "01-01-{emotion}-{intensity}-{statement}-{repetition}-{speaker}"
    rows = read_annotations(films, TableConfig(pattern=pattern, columns={"label": "=sad"}), films)
    assert cells(rows, "film", "emotion", "speaker") == [["Actor_01/01-01-04-02-01-02-01.mp4", "04", "01"]]
    regex = r"01-01-(?P<emotion>\d\d)-.*-(?P<speaker>\d\d)\.mp4"
    by_regex = read_annotations(films, TableConfig(regex=regex, columns={"label": "=sad"}), films)
    assert cells(by_regex, "film", "emotion", "speaker") == cells(rows, "film", "emotion", "speaker")


def test_a_pattern_that_matches_nothing_is_refused(tmp_path: Path) -> None:
    films = clips(tmp_path, "a.mp4")
    with pytest.raises(
        InputError, match=r"no clip matches '\{label\}/\{n\}.mp4' \(1 do not; such as a.mp4\)"
    ):
        read_annotations(films, TableConfig(pattern="{label}/{n}.mp4"), films)


def test_the_hash_of_a_folder_of_clips_is_that_of_its_names(tmp_path: Path) -> None:
    films = clips(tmp_path, "sad/a.mp4")
    config = TableConfig(pattern="{label}/{n}.mp4")
    before = annotations_sha256(films, config)
    (films / "sad" / "a.mp4").write_bytes(b"other")
    assert annotations_sha256(films, config) == before
    (films / "sad" / "a.mp4").rename(films / "sad" / "b.mp4")
    assert annotations_sha256(films, config) != before


def test_files_for_people_beside_tables_are_no_tables(tmp_path: Path) -> None:
    write(tmp_path, "ann/spans.csv", "film,start,end,label\na.mp4,1,2,sad\n")
    for name in ("Readme.txt", "README", "LICENSE", "License.txt", "LAYOUT.txt", "notice.csv"):
        write(tmp_path, f"ann/{name}", "Words for people.\n")
    assert len(read_annotations(tmp_path / "ann")) == 1


def test_columns_without_a_header_are_named_by_numbers_and_the_film_may_be_the_speaker_too(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a.mp4,1,2,sad\n", encoding="utf-8")
    numbers = {"film": 1, "start": 2, "end": 3, "label": 4}  # as --set table.columns.film=1 gives them
    config = TableConfig.model_validate({"header": False, "columns": numbers})
    assert spans_of(read_annotations(path, config)) == [(1, "a.mp4", 1.0, 2.0, "sad", None)]
    path.write_text("film,start,end,label\na.mp4,1,2,sad\n", encoding="utf-8")
    rows = read_annotations(path, TableConfig(columns={"speaker": "film"}))
    assert rows[["film", "speaker"]].to_numpy().tolist() == [["a.mp4", "a.mp4"]]
