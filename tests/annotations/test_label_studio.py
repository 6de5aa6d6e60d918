"""Label Studio's JSON: frames and seconds, uploads and links, and regions that are not spans."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from emodal_data.core.errors import InputError
from tests.annotations.rows import rows_of, spans_of


def region(kind: str, **value: object) -> dict[str, Any]:
    return {
        "id": "r",
        "from_name": "label",
        "to_name": "video",
        "type": kind,
        "origin": "manual",
        "value": value,
    }


def frames(start: object, end: object, *labels: str) -> dict[str, Any]:
    return region("timelinelabels", ranges=[{"start": start, "end": end}], timelinelabels=list(labels))


def task(
    *regions: dict[str, Any], by: object = 1, data: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    annotation = {"id": 7, "completed_by": by, "was_cancelled": False, "result": list(regions)}
    data = {"video": "/data/upload/3/1a2b3c4d-heat%20one.mp4", "fps": 25} if data is None else data
    return {"id": 1, "data": data, "annotations": [annotation], "predictions": []} | more


def read(tmp_path: Path, *tasks: dict[str, Any]) -> pd.DataFrame:
    return rows_of(tmp_path, "export.json", json.dumps(tasks))


def test_frames_count_from_one_and_the_last_is_part_of_the_region(tmp_path: Path) -> None:
    rows = read(tmp_path, task(frames(1, 25, "angry"), frames(26, 26, "Sadness")))
    assert spans_of(rows) == [
        (1, "heat one.mp4", 0.0, 1.0, "angry", None),
        (2, "heat one.mp4", 1.0, 1.04, "sad", None),
    ]
    assert rows["fps"].tolist() == ["25.0", "25.0"]


def test_the_frame_rate_may_stand_in_the_meta_of_the_task(tmp_path: Path) -> None:
    rows = read(tmp_path, task(frames(11, 20, "sad"), data={"video": "a.mp4"}, meta={"frame_rate": "10"}))
    assert spans_of(rows) == [(1, "a.mp4", 1.0, 2.0, "sad", None)]


@pytest.mark.parametrize("fps", [None, 0, -25, "many", [25]])
def test_frames_without_a_frame_rate_become_reasons_that_say_so(tmp_path: Path, fps: object) -> None:
    rows = read(tmp_path, task(frames(11, 20, "sad"), data={"video": "a.mp4", "fps": fps}))
    assert spans_of(rows) == [(1, "a.mp4", None, None, "sad", "bad_time")]
    assert "frame 11 without fps in the task's data" in rows["detail"][0]


def test_regions_of_sound_have_seconds(tmp_path: Path) -> None:
    regions = [
        region("labels", start=1.25, end=2, channel=0, labels=["angry"], original_length=9.5),
        region("labels", start=0.00001, end=1e-3, channel=0, labels=["happy"]),
        region("choices", start=3, end=4, channel=0, choices=["sad"]),
        region("labels", start=5, labels=["sad"]),
        region("labels", start=6, end=7, labels=[]),
    ]
    rows = read(tmp_path, task(*regions, data={"audio": "https://host/films/heat.wav?token=a/b"}))
    assert spans_of(rows) == [
        (1, "heat.wav", 1.25, 2.0, "angry", None),
        (2, "heat.wav", 0.00001, 0.001, "happy", None),
        (3, "heat.wav", 3.0, 4.0, "sad", None),
        (4, "heat.wav", 5.0, None, "sad", "bad_time"),
        (5, "heat.wav", 6.0, 7.0, None, None),
    ]


def test_labelled_paragraphs_have_the_times_and_the_author_of_the_transcript(tmp_path: Path) -> None:
    transcript = [
        {"author": "Mia:", "text": "hm", "start": 1.5, "end": 2.0},
        {"author": "Vincent:", "text": "so", "start": 2.5, "duration": 1.5},
        {"author": "Mia:", "text": "no times"},
    ]
    regions = [
        region(
            "paragraphlabels",
            start=first,
            end=last,
            startOffset=0,
            endOffset=2,
            text="",
            paragraphlabels=["sad"],
        )
        for first, last in (("0", "0"), ("0", "1"), ("2", "2"), ("9", "9"))
    ]
    rows = read(tmp_path, task(*regions, data={"audio": "a.mp3", "para": transcript}))
    assert [row[2:] for row in spans_of(rows)] == [
        (1.5, 2.0, "sad", None),
        (1.5, 4.0, "sad", None),
        (None, None, "sad", "bad_time"),
        (None, None, "sad", "bad_time"),
    ]
    assert rows["speaker"].tolist()[:2] == ["Mia", "Mia"]


def test_several_labels_of_one_region_are_one_vote_outside_the_classes(tmp_path: Path) -> None:
    rows = read(tmp_path, task(frames(1, 2, "sad", "angry")))
    assert rows["label"].tolist() == [None]
    assert rows["label_as_written"].tolist() == ["sad, angry"]
    assert rows["label_mapped_to"].tolist() == ["sad / angry"]


def test_a_label_of_the_whole_task_is_reported_and_boxes_texts_and_skipped_tasks_are_not_spans(
    tmp_path: Path,
) -> None:
    skipped = task(frames(1, 2, "sad"))
    skipped["annotations"][0]["was_cancelled"] = True
    others = [
        region("choices", choices=["angry"]),
        region("videorectangle", sequence=[{"frame": 1, "x": 1}], labels=["sad"]),
        region("textarea", start=1, end=2, text=["sad"]),
        region("labels", start=0, end=4, text="Dont", labels=["sad"]),
    ]
    guess = task(frames(1, 25, "happy"), predictions=[{"result": [frames(1, 9, "sad")]}])
    rows = read(tmp_path, skipped, task(*others), guess)
    assert [row[2:] for row in spans_of(rows)] == [
        (None, None, "angry", "bad_time"),
        (0.0, 1.0, "happy", None),
    ]
    assert "'the whole task, as choices, without start and end in its data'" in rows["detail"][0]


def test_of_several_controls_the_one_that_is_named_so_holds_the_labels(tmp_path: Path) -> None:
    span = {"start": 1, "end": 2}
    by_gender = region("choices", **span, choices=["female"]) | {"from_name": "gender"}
    rows = read(tmp_path, task(by_gender, region("labels", **span, labels=["sad"])))
    assert spans_of(rows) == [(2, "heat one.mp4", 1.0, 2.0, "sad", None)]
    by_mood = region("labels", **span, labels=["sad"]) | {"from_name": "mood"}
    with pytest.raises(
        InputError, match=r"which control holds the labels: gender, mood\? Put 'emotion' or 'label'"
    ):
        read(tmp_path, task(by_gender, by_mood))


def test_the_annotator_is_who_completed_the_annotation(tmp_path: Path) -> None:
    who = [5, {"id": 6, "email": "anna@lab.org"}, {"id": 7}, None]
    rows = read(tmp_path, *(task(frames(1, 2, "sad"), by=by) for by in who))
    assert rows["annotator"].tolist() == ["5", "anna@lab.org", "7", ""]


@pytest.mark.parametrize(
    ("data", "film"),
    [
        ({"film": "heat/part1.mkv", "video": "/data/upload/1/00000000-proxy.mp4"}, "heat/part1.mkv"),
        ({"video": "/data/local-files/?d=films/heat/part1.mp4"}, "part1.mp4"),
        ({"video": "s3://bucket/films/1a2b3c4d-heat.mp4"}, "1a2b3c4d-heat.mp4"),
        ({"text": "hello.", "clip": "gs://bucket/Heat.MKV"}, "Heat.MKV"),
        ({"video": "/data/upload/1/notahex1-heat.mp4"}, "notahex1-heat.mp4"),
    ],
)
def test_the_film_is_the_one_of_the_data_without_what_an_upload_puts_before_it(
    tmp_path: Path, data: dict[str, Any], film: str
) -> None:
    assert read(tmp_path, task(frames(1, 2, "sad"), data=data))["film"].tolist() == [film]


def test_a_task_without_a_film_becomes_a_reason(tmp_path: Path) -> None:
    rows = read(tmp_path, task(frames(1, 2, "sad"), data={"text": "hello", "fps": 25}))
    assert spans_of(rows) == [(1, "", 0.0, 0.08, "sad", "film_missing")]


def test_half_characters_and_odd_values_become_text_and_reasons_never_a_crash(tmp_path: Path) -> None:
    values: list[object] = [None, "x", [], {}, 10**400, -1, "nan"]
    tasks = [
        task(frames(value, value, "\ud800"), data={"video": "\ud800.mp4", "fps": 25}) for value in values
    ]
    tasks += [
        task({"type": kind, "value": value}) for kind in ("labels", None, []) for value in (None, [], 3)
    ]  # type: ignore[list-item]
    rows = read(tmp_path, *tasks)
    assert len(rows) == len(values)
    assert rows["reason"].notna().all()
    rows["film"].to_frame().to_parquet(tmp_path / "rows.parquet")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("{}", "not a Label Studio export"),
        ('[{"video": "a.mp4", "label": [{"start": 1}]}]', "choose JSON there, not JSON-MIN"),
        ("[]", "no rows"),
    ],
)
def test_other_json_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        rows_of(tmp_path, "export.json", text)
    assert "\n" not in str(error.value)
