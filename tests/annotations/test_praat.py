"""TextGrid files of Praat, in its long and its short form."""

from pathlib import Path

import pytest

from emodal_data.annotations import read_annotations
from emodal_data.core.errors import InputError

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 3.5
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 3.5
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 3.5
            text = "say ""no"" 12"
    item [2]:
        class = "IntervalTier"
        name = "Emotion A"
        xmin = 0
        xmax = 3.5
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.25
            text = ""
        intervals [2]:
            xmin = 0.25
            xmax = 1.5
            text = "happy"
        intervals [3]:
            xmin = 1.5
            xmax = 3.5
            text = "an ""odd""
word"
    item [3]:
        class = "TextTier"
        name = "labels"
        xmin = 0
        xmax = 3.5
        points: size = 1
        points [1]:
            number = 2.75
            mark = "sad"
"""
SHORT = "\n".join(
    [
        *('File type = "ooTextFile"', 'Object class = "TextGrid"', "", "0", "3.5", "<exists>", "3"),
        *('"IntervalTier"', '"words"', "0", "3.5", "1", "0", "3.5", '"say ""no"" 12"'),
        *('"IntervalTier"', '"Emotion A"', "0", "3.5", "3", "0", "0.25", '""', "0.25", "1.5", '"happy"'),
        *("1.5", "3.5", '"an ""odd""\nword"', '"TextTier"', '"labels"', "0", "3.5", "1", "2.75", '"sad"'),
    ]
)


@pytest.mark.parametrize(("text", "lines"), [(LONG, [30, 34, 45]), (SHORT, [24, 27, 36])])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_intervals_with_a_text_are_rows_and_points_have_no_length(
    tmp_path: Path, text: str, lines: list[int], encoding: str
) -> None:
    path = tmp_path / "heat.TextGrid"
    path.write_bytes(text.encode(encoding))
    rows = read_annotations(path)
    names = ["film", "start_s", "end_s", "label_as_written", "tier"]
    assert rows[names].to_numpy().tolist() == [
        ["heat", 0.25, 1.5, "happy", "Emotion A"],
        ["heat", 1.5, 3.5, 'an "odd"\nword', "Emotion A"],
        ["heat", 2.75, 2.75, "sad", "labels"],
    ]
    assert rows["reason"].fillna("").tolist() == ["", "", "end_not_after_start"]
    assert rows["row"].tolist() == lines


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a TextGrid as text"),
        (LONG[:700], "not a TextGrid as text"),
        (LONG.replace("IntervalTier", "Tier"), "not a TextGrid as text"),
        (LONG.replace("Emotion A", "A").replace("labels", "B"), "which tier holds the labels: words, A, B"),
    ],
)
def test_other_text_and_unclear_tiers_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "heat.TextGrid"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_annotations(path)
