"""Audacity's label tracks, and text files that are tables."""

from pathlib import Path

import pytest

from emodal_data.core.errors import InputError
from tests.annotations.rows import rows_of, spans_of


def test_every_label_is_a_row_at_its_line(tmp_path: Path) -> None:
    text = "1.000000\t2.500000\tangry\n62.250000\t63.000000\tHappiness\n70.0\t71.0\t\n"
    assert spans_of(rows_of(tmp_path, "heat.txt", text)) == [
        (1, "heat", 1.0, 2.5, "angry", None),
        (2, "heat", 62.25, 63.0, "happy", None),
        (3, "heat", 70.0, 71.0, None, None),
    ]


def test_the_frequencies_of_a_label_are_no_label_and_do_not_move_the_lines(tmp_path: Path) -> None:
    text = "\n1.0\t2.0\tsad\n\\\t100.000000\t2000.000000\n3.0\t4.0\tangry\r\n"
    assert spans_of(rows_of(tmp_path, "f.txt", text)) == [
        (2, "f", 1.0, 2.0, "sad", None),
        (4, "f", 3.0, 4.0, "angry", None),
    ]


def test_point_labels_and_damaged_lines_become_reasons(tmp_path: Path) -> None:
    text = "1.5\t1.5\tsad\n-1.5\t1.0\tsad\nnonsense\n3,5\t4,5\tangry\tor not\n"
    rows = rows_of(tmp_path, "f.txt", text)
    assert spans_of(rows) == [
        (1, "f", 1.5, 1.5, "sad", "end_not_after_start"),
        (2, "f", None, 1.0, "sad", "bad_time"),
        (3, "f", None, None, None, "bad_time"),
        (4, "f", 3.5, 4.5, None, None),
    ]
    assert rows["measured"].tolist()[0] == 0.0
    assert rows["label_mapped_to"].tolist()[3] == "angry or not"


def test_a_text_file_with_a_header_is_a_table(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, "spans.txt", "film\tstart\tend\tlabel\na.mp4\t1\t2\tsad\n")
    assert spans_of(rows) == [(2, "a.mp4", 1.0, 2.0, "sad", None)]


def test_times_with_a_rating_each_are_no_label_track(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no column 'film', 'label' in the header \(0\.00, -0\.1\)"):
        rows_of(tmp_path, "feeltrace.txt", "0.00\t-0.1\n0.02\t0.35\n0.04\t0.36\n")
    assert spans_of(rows_of(tmp_path, "f.txt", "1.0\t2.0\n3.0\t4.0\tsad\n")) == [
        (1, "f", 1.0, 2.0, None, None),
        (2, "f", 3.0, 4.0, "sad", None),
    ]
