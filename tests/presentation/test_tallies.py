"""What the report counts: each number by hand, and what must add up whatever the clips are."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emodal_data.core.config import AudioConfig, FaceConfig
from emodal_data.core.label_words import DEFAULT_CLASSES as LABELS
from emodal_data.core.reasons import Reason, stages
from emodal_data.presentation.report import tallies
from emodal_data.presentation.report.clip_table import clip_table, page_columns, read_ledger
from emodal_data.presentation.report.figures import leak_price_figure
from tests.presentation.conftest import HOSTILE_NAME


def ledger_of(reasons: list[str | None]) -> pd.DataFrame:
    outcome = ["kept" if reason is None else "dropped" for reason in reasons]
    return pd.DataFrame(
        {"film": [f"f{n % 3}" for n in range(len(reasons))], "reason": reasons, "outcome": outcome}
    )


def test_every_reason_belongs_to_exactly_one_stage() -> None:
    assert [reason for reasons in stages().values() for reason in reasons] == list(Reason)
    assert Reason.NO_FACE in stages()["face"]
    assert Reason.AUDIO_SILENT in stages()["sound"]
    assert Reason.DUPLICATE_VOTE in stages()["annotation"]


@settings(max_examples=50)
@given(st.lists(st.sampled_from([None, *(reason.value for reason in Reason)]), min_size=1, max_size=60))
def test_the_funnel_starts_with_all_rows_and_ends_with_those_kept(reasons: list[str | None]) -> None:
    rows = tallies.funnel(ledger_of(reasons))
    assert rows[0]["entered"] == len(reasons)
    assert rows[-1]["left"] == reasons.count(None)
    assert [row["left"] for row in rows[:-1]] == [row["entered"] for row in rows[1:]]
    assert all(row["lost"] == sum(row["reasons"].values()) for row in rows)


def test_rows_of_each_film_are_kept_or_lost_at_a_stage(reported: Path) -> None:
    ledger = read_ledger(reported)
    rows = tallies.film_rows(ledger, clip_table(ledger, reported, LABELS), LABELS)
    assert [row["film"] for row in rows] == [*(f"f{n}.mp4" for n in range(7)), HOSTILE_NAME]
    assert all(row["rows"] == row["kept"] + sum(row["lost"].values()) for row in rows)
    assert rows[1] == {
        "film": "f1.mp4",
        "rows": 13,
        "kept": 8,
        "lost": {"annotation": 2, "film": 0, "span": 0, "face": 3, "sound": 0, "dataset": 0},
        "classes": {"angry": 2, "happy": 2, "neutral": 3, "sad": 1, "unlabelled": 0},
        "split": rows[1]["split"],
    }


def test_reasons_come_with_what_to_do_the_most_frequent_first(reported: Path) -> None:
    ledger = read_ledger(reported)
    rows = tallies.reason_rows(ledger, clip_table(ledger, reported, LABELS))
    assert [(row["reason"], row["rows"], row["clips"]) for row in rows] == [
        ("no_face", 12, 12),
        ("label_tie", 2, 1),
        ("face_turned_away", 1, 1),
    ]
    assert rows[0]["advice"] == "no face in the middle frame: move the span"


def test_a_clip_is_one_row_with_its_votes_and_its_outcome(reported: Path) -> None:
    clips = clip_table(read_ledger(reported), reported, LABELS)
    assert len(clips) == 96
    assert clips.loc["c0000", ["votes", "kept"]].tolist() == ["angry 1, sad 1", True]
    assert clips.loc["c0101", ["votes", "kept", "reason"]].tolist() == ["happy 1, sad 1", False, "label_tie"]
    turned = clips.loc["c0100"]
    assert (turned["kept"], turned["reason"], turned["measured"]) == (False, "face_turned_away", -61.5)
    assert turned["label"] == "angry"
    assert clips[["film", "start_s"]].to_records(index=False).tolist() == sorted(
        clips[["film", "start_s"]].to_records(index=False).tolist()
    )


def test_the_columns_of_the_page_have_the_values_of_the_table(reported: Path) -> None:
    clips = clip_table(read_ledger(reported), reported, LABELS)
    columns = page_columns(clips, LABELS)
    assert columns["clip_id"] == clips.index.tolist()
    labels = [columns["label"]["values"][code] if code >= 0 else None for code in columns["label"]["codes"]]
    assert labels == [None if pd.isna(label) else label for label in clips["label"]]
    unseen = clips.index.get_loc("c0007")  # the eighth clip has no face
    assert (columns["kept"][unseen], columns["yaw_deg"][unseen], columns["yaw_deg"][0]) == (0, None, 3.0)


def test_classes_are_counted_by_split(reported: Path) -> None:
    clips = clip_table(read_ledger(reported), reported, LABELS)
    rows = tallies.class_rows(clips, LABELS)
    assert sum(row["clips"] for row in rows) == clips["kept"].sum() == 82
    assert {row["split"] for row in rows} == {"train", "test"}


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.floats(-1e4, 1e4) | st.just(float("nan")), st.booleans()), min_size=1, max_size=50),
    st.booleans(),
)
def test_a_histogram_holds_every_clip_that_was_measured(
    clips: list[tuple[float, bool]], is_log: bool
) -> None:
    table = pd.DataFrame(clips, columns=["sharpness", "kept"])
    measure = tallies.Measure("sharpness", "Sharpness", low=0.03, is_log=is_log)
    rows = tallies.histogram(table, measure)
    usable = table[(table["sharpness"] > 0) if is_log else table["sharpness"].notna()]
    assert sum(row["clips"] for row in rows) == len(usable)
    assert sum(row["clips"] for row in rows if row["outcome"] == "kept") == usable["kept"].sum()
    assert all(row["low"] < row["high"] for row in rows)


def test_a_clip_is_in_the_bar_that_its_measure_falls_into() -> None:
    table = pd.DataFrame({"sharpness": [0.0, 10.0, 5.05, 5.05], "kept": [True, True, True, False]})
    rows = tallies.histogram(table, tallies.Measure("sharpness", "Sharpness"))
    middle = [row for row in rows if row["low"] <= 5.05 < row["high"]]
    assert [(row["outcome"], row["clips"]) for row in middle] == [("kept", 1), ("dropped", 1)]
    assert middle[0]["high"] - middle[0]["low"] == pytest.approx(0.25, rel=0.02)


def test_thresholds_of_faces_are_not_drawn_where_their_gate_is_off() -> None:
    on = {
        measure.column: measure for measure in tallies.measures_of(FaceConfig(max_yaw_deg=40), AudioConfig())
    }
    assert on["yaw_deg"].limits == [-40, 40]
    assert on["face_width_px"].limits == [64]
    off = {m.column: m for m in tallies.measures_of(FaceConfig(gate="score"), AudioConfig(min_s=0.5))}
    assert off["yaw_deg"].limits == off["sharpness"].limits == []
    assert off["seconds"].limits == [0.5]


def test_every_threshold_that_the_gates_know_is_drawn() -> None:
    face = FaceConfig(
        track=True, min_speaking=0.5, min_sharpness=0.03
    )  # 0 has no place on an axis of decades
    audio = AudioConfig(measures=True, min_speech_share=0.2, min_snr_db=5.0, max_music_share=0.5)
    shown = {measure.column for measure in tallies.measures_of(face, audio) if measure.limits}
    limits = [
        name
        for name in (*FaceConfig.model_fields, *AudioConfig.model_fields)
        if name.startswith(("min_", "max_"))
    ]
    assert len(shown) == len(limits) == 18


def test_features_that_separate_the_classes_best_come_first(reported: Path) -> None:
    rows = tallies.feature_rows(reported)
    assert len(rows) == 68
    assert [row["separation"] for row in rows] == sorted((row["separation"] for row in rows), reverse=True)
    assert all(0 <= row["separation"] <= 1 for row in rows)
    for row in rows:
        assert list(row["classes"]) == list(LABELS)
        assert all(marks == sorted(marks) for marks in row["classes"].values())


def test_separation_is_the_share_of_variance_between_the_classes(
    reported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = np.array([0, 0, 1, 1])
    features = np.array([[0.0, 1.0, 5.0], [0.0, 2.0, 5.0], [4.0, 1.0, 5.0], [4.0, 2.0, 5.0]])
    monkeypatch.setattr(
        tallies, "_read_features", lambda dataset: (["apart", "same", "still"], LABELS, labels, features)
    )
    rows = {row["feature"]: row for row in tallies.feature_rows(reported)}
    assert {name: row["separation"] for name, row in rows.items()} == {
        "apart": 1.0,
        "same": 0.0,
        "still": 0.0,
    }
    assert rows["apart"]["classes"]["happy"] == [4.0] * 5


def test_the_price_of_a_leak_is_drawn_where_it_was_measured() -> None:
    price = {
        "majority": 0.25,
        "accuracy": {
            "augment_then_split": {"nearest_neighbour": 0.9, "logistic_regression": 0.6},
            "clip": {"nearest_neighbour": 0.5, "logistic_regression": 0.55},
            "film": None,
        },
    }
    rows = leak_price_figure(price)["data"]["values"]
    assert [(row["held out"], row["model"], row["accuracy"]) for row in rows] == [
        ("samples, augmented first", "nearest neighbour", 0.9),
        ("samples, augmented first", "logistic regression", 0.6),
        ("clips", "nearest neighbour", 0.5),
        ("clips", "logistic regression", 0.55),
    ]
