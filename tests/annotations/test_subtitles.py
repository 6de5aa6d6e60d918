"""Subtitles whose cues are labels: every cue is a row, whatever its faults."""

import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emodal_data.annotations import read_annotations
from emodal_data.annotations.subtitles import read_subtitles
from emodal_data.core.errors import InputError
from tests.annotations.rows import rows_of, spans_of

SRT = """1
00:00:01,000 --> 00:00:02,500
angry

2
00:01:00,250 --> 00:01:03,000 X1:10 X2:20 Y1:5 Y2:9
<i>Happiness</i>
"""


def test_every_cue_is_a_row_at_the_line_of_its_times(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "heat.srt", SRT)
    assert spans_of(rows) == [(2, "heat", 1.0, 2.5, "angry", None), (6, "heat", 60.25, 63.0, "happy", None)]


def test_line_ends_encodings_and_byte_order_marks_change_nothing(tmp_path: Path) -> None:
    expected = spans_of(rows_of(tmp_path, "heat.srt", SRT))
    for raw in (
        SRT.replace("\n", "\r\n").encode(),
        SRT.replace("\n", "\r").encode(),
        SRT.replace("\n", "\r\r\n").encode(),
        SRT.encode("utf-8-sig"),
        SRT.encode("utf-16"),
        SRT.rstrip().encode(),
    ):
        (tmp_path / "heat.srt").write_bytes(raw)
        assert spans_of(read_annotations(tmp_path / "heat.srt")) == expected


def test_a_cue_with_damaged_times_is_a_row_of_its_own_and_leaves_its_neighbours_alone(tmp_path: Path) -> None:
    text = (
        "1\n00:00:01,000 --> 00:00:02,000\nsad\n\n"
        "2\n00:00:0x,000 --> 00:00:04,000\nangry\n\n"
        "3\n00:00:05,000 -> 00:00:06,000\nangry\n\n"
        "4\n00:00:07,000 -->\nangry\n\n"
        "5\n00:00:08,000 --> 00:00:09,000\nneutral\n"
    )
    rows = rows_of(tmp_path, "f.srt", text)
    assert spans_of(rows) == [
        (2, "f", 1.0, 2.0, "sad", None),
        (6, "f", None, 4.0, "angry", "bad_time"),
        (9, "f", None, None, None, "bad_time"),
        (14, "f", 7.0, None, "angry", "bad_time"),
        (18, "f", 8.0, 9.0, "neutral", None),
    ]
    assert "'00:00:0x,000' is no time" in rows["detail"][1]
    assert "'3 00:00:05,000 -> 00:00:06,000 angry' is no time" in rows["detail"][2]


def test_cues_without_an_empty_line_between_them_are_two_cues(tmp_path: Path) -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nsad\n2\n00:00:03,000 --> 00:00:04,000\nangry\n"
    assert spans_of(rows_of(tmp_path, "f.srt", text)) == [
        (2, "f", 1.0, 2.0, "sad", None),
        (5, "f", 3.0, 4.0, "angry", None),
    ]


def test_lines_before_the_number_of_a_cue_are_reported_not_lost(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "f.srt", "angry\n1\n00:00:01,000 --> 00:00:02,000\nsad\n")
    assert spans_of(rows) == [
        (1, "f", None, None, None, "bad_time"),
        (3, "f", 1.0, 2.0, "sad", None),
    ]


def test_an_empty_cue_is_unlabelled_and_dialogue_is_a_vote_outside_the_classes(tmp_path: Path) -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\n\n2\n00:00:03,000 --> 00:00:04,000\nWell,\nhello!\n"
    rows = rows_of(tmp_path, "f.srt", text)
    assert [row[4:] for row in spans_of(rows)] == [(None, None), (None, None)]
    assert rows["label_as_written"].tolist() == ["", "Well, hello!"]
    assert rows["label_mapped_to"].tolist() == [None, "well / hello!"]


def test_the_voice_of_a_webvtt_cue_is_its_speaker_and_its_other_blocks_are_no_cues(tmp_path: Path) -> None:
    text = (
        "WEBVTT - labels\nKind: captions\n\n"
        "NOTE by anna\n\n"
        "STYLE\n::cue { color: red }\n\n"
        "first\n00:01.000 --> 00:02.500 align:start position:10%\n<v.loud Tom &amp; Jerry>angry\n\n"
        "01:00:00.000 --> 01:00:01.000\n{\\an8}sad\n"
    )
    rows = rows_of(tmp_path, "heat.vtt", text)
    assert spans_of(rows) == [
        (10, "heat", 1.0, 2.5, "angry", None),
        (13, "heat", 3600.0, 3601.0, "sad", None),
    ]
    assert rows["speaker"].tolist()[0] == "Tom & Jerry"
    assert rows["speaker"].isna().tolist() == [False, True]


def test_a_webvtt_block_that_only_begins_like_a_note_is_reported(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "f.vtt", "WEBVTT\n\nNOTEBOOK\nangry\n")
    assert spans_of(rows) == [(3, "f", None, None, None, "bad_time")]


def test_a_file_without_cues_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no rows"):
        rows_of(tmp_path, "f.vtt", "WEBVTT\n")


TRUTH = [(0.0, 0.001, "angry"), (1.25, 3.5, "happy"), (59.999, 60.001, "neutral"), (3599.5, 36000.0, "sad")]


@pytest.mark.parametrize("suffix", ["srt", "vtt"])
def test_files_of_pysubs2_are_read_as_they_were_meant(tmp_path: Path, suffix: str) -> None:
    pysubs2 = pytest.importorskip("pysubs2", reason="pysubs2 writes the subtitles")
    subtitles = pysubs2.SSAFile()
    for start_s, end_s, label in TRUTH:
        times = {"start": round(start_s * 1000), "end": round(end_s * 1000)}
        subtitles.append(pysubs2.SSAEvent(text=label, **times))
    subtitles.save(str(tmp_path / f"f.{suffix}"))
    assert [row[2:5] for row in spans_of(read_annotations(tmp_path / f"f.{suffix}"))] == TRUTH


def test_files_of_the_srt_package_are_read_as_they_were_meant(tmp_path: Path) -> None:
    srt = pytest.importorskip("srt", reason="the package srt writes the subtitles")
    cues = [
        srt.Subtitle(n, datetime.timedelta(seconds=start_s), datetime.timedelta(seconds=end_s), label)
        for n, (start_s, end_s, label) in enumerate(TRUTH, start=1)
    ]
    rows = rows_of(tmp_path, "f.srt", srt.compose(cues))
    assert [row[2:5] for row in spans_of(rows)] == TRUTH


def test_files_of_webvtt_py_are_read_as_they_were_meant(tmp_path: Path) -> None:
    webvtt = pytest.importorskip("webvtt", reason="webvtt-py writes the subtitles")
    file = webvtt.WebVTT()
    file.captions.append(webvtt.Caption("00:00:01.250", "00:00:03.500", ["<v Hanna>happy</v>"]))
    file.save(str(tmp_path / "f.vtt"))
    rows = read_annotations(tmp_path / "f.vtt")
    assert [row[1:5] for row in spans_of(rows)] == [("f", 1.25, 3.5, "happy")]
    assert rows["speaker"].tolist() == ["Hanna"]


LINES = st.sampled_from(["", "1", "sad", "00:01 --> 00:02", "-->", "x --> y", "NOTE", "WEBVTT", "<v A>"])


@given(st.lists(LINES, min_size=1), st.sampled_from(["f.srt", "f.vtt"]))
def test_every_line_with_an_arrow_is_a_row_whatever_surrounds_it(
    tmp_path_factory: pytest.TempPathFactory, text: list[str], name: str
) -> None:
    arrows = [number for number, line in enumerate(text, start=1) if "-->" in line]
    path = tmp_path_factory.getbasetemp() / name
    path.write_text("\n".join(text))
    found = [row for row, *_ in read_subtitles(path, "f")][1:]
    assert [row for row in found if "-->" in text[row - 1]] == arrows
    assert found == sorted(set(found))
