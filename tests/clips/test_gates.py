"""The quality gates: the same verdicts from columns as from one clip after the other, in the order of the table."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emodal_data.clips.gates import GATES, Direction, apply_gates, limits_of
from emodal_data.clips.tables import MEASURED, PLANNED
from emodal_data.core.config import AudioConfig, ClipsConfig, FaceConfig
from emodal_data.core.reasons import ADVICE, Reason, stages
from emodal_data.presentation.report.tallies import measures_of
from tests.published import complete

#: Values below, at and above the threshold of each measure.
NEAR = {
    "face_score": [0.1, 0.6, 0.9],
    "landmark_score": [0.1, 0.5, 0.9],
    "face_width_px": [10.0, 64.0, 200.0],
    "sharpness": [0.001, 0.03, 0.2],
    "yaw_deg": [-90.0, -45.0, 0.0, 45.0, 60.0],
    "pitch_deg": [-40.0, -30.0, 0.0, 30.0, 31.0],
    "outside_fraction": [0.0, 0.25, 0.5],
    "blur_px": [0.0, 1.1, 1.3],
    "view_score": [0.1, 0.5, 0.9],
    "dominance": [0.4, 0.5, 1.0],
    "missing_samples": [0.0, 800.0, 4000.0],
    "audio_rms": [0.0, 1e-4, 0.1],
    "audio_peak": [0.0, 0.5],
    "audio_clipped_fraction": [0.0, 0.05, 0.5],
    "audio_is_constant": [False, True],
    "audio_is_finite": [True, False],
    "shot_cut_s": [np.nan, 1.1],
}
CLEAR = {
    **{"face_score": 0.9, "landmark_score": 0.9, "face_width_px": 200.0, "sharpness": 0.2, "yaw_deg": 0.0},
    **{"pitch_deg": 0.0, "outside_fraction": 0.0, "dominance": 1.0, "missing_samples": 0.0},
    **{"blur_px": 0.1, "view_score": 0.9},
    **{"audio_rms": 0.1, "audio_peak": 0.5},
    **{"audio_clipped_fraction": 0.0, "audio_is_constant": False, "audio_is_finite": True},
    **{"shot_cut_s": np.nan},
}
FLAGS = ("audio_is_constant", "audio_is_finite")

planned_clip = st.fixed_dictionaries(
    {
        "end_s": st.sampled_from([1.2, 1.3, 2.0, 3.0]),
        "label": st.sampled_from(["sad", None]),
        "tied": st.booleans(),
        "review": st.sampled_from([None, "drop", "relabel"]),
    }
)
measured_clip = st.fixed_dictionaries(
    {name: st.one_of(st.just(CLEAR[name]), st.sampled_from(values)) for name, values in NEAR.items()}
)
configs = st.fixed_dictionaries(
    {
        "clips": st.builds(
            ClipsConfig, keep_unlabelled=st.booleans(), shot_cuts=st.sampled_from(["ignore", "tell", "drop"])
        ),
        "face": st.builds(
            FaceConfig, gate=st.sampled_from(["drop", "score"]), min_dominance=st.sampled_from([0.0, 0.5])
        ),
        "audio": st.builds(
            AudioConfig, min_s=st.sampled_from([0.01, 0.3, 1.5]), min_rms=st.sampled_from([0.0, 1e-4])
        ),
    }
)


def tables(clips: list[tuple[dict[str, Any], dict[str, Any]]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Planned clips and their measures, with the types of the clip store."""
    index = pd.Index([f"c{n}" for n in range(len(clips))], name="clip_id")
    planned = pd.DataFrame([one for one, _ in clips], index=index).assign(film="a.mp4", start_s=1.0)
    for name in ("label", "review"):
        planned[name] = planned[name].astype(object).where(planned[name].notna(), None)
    measures = pd.DataFrame([one for _, one in clips], index=index)
    kinds = {name: bool if name in FLAGS else np.float32 for name in NEAR if name != "shot_cut_s"}
    return complete(planned, PLANNED), complete(measures.astype(kinds), MEASURED)


def verdict(
    clip: dict[str, Any], clips: ClipsConfig, face: FaceConfig, audio: AudioConfig
) -> tuple[Reason, float | None] | None:
    """The gates of one clip as a chain of conditions: what the table replaced."""
    if clip["review"] == "drop":
        return Reason.DROPPED_BY_REVIEW, None
    if clip["tied"]:
        return Reason.LABEL_TIE, None
    if clip["label"] is None and not clips.keep_unlabelled:
        return Reason.UNLABELLED, None
    if face.gate == "drop":
        for reason, name, passes in (
            (Reason.FACE_SCORE_LOW, "face_score", clip["face_score"] >= face.min_score),
            (Reason.LANDMARK_SCORE_LOW, "landmark_score", clip["landmark_score"] >= face.min_landmark_score),
            (Reason.FACE_TOO_SMALL, "face_width_px", clip["face_width_px"] >= face.min_width_px),
            (Reason.FACE_BLURRED, "sharpness", clip["sharpness"] >= face.min_sharpness),
            (Reason.FACE_BLURRED, "blur_px", clip["blur_px"] <= face.max_blur_px),
            (Reason.FACE_TURNED_AWAY, "yaw_deg", abs(clip["yaw_deg"]) <= face.max_yaw_deg),
            (Reason.FACE_TURNED_AWAY, "pitch_deg", abs(clip["pitch_deg"]) <= face.max_pitch_deg),
            (
                Reason.FACE_CUT_BY_BORDER,
                "outside_fraction",
                clip["outside_fraction"] <= face.max_outside_fraction,
            ),
            (Reason.FACE_NOT_DOMINANT, "dominance", clip["dominance"] >= face.min_dominance),
            (Reason.FACE_VIEW_BROKEN, "view_score", clip["view_score"] >= face.min_view_score),
        ):
            if not passes:
                return reason, clip[name]
    seconds = clip["end_s"] - clip["start_s"]
    if seconds < max(audio.min_s, audio.window_s):
        return Reason.AUDIO_TOO_SHORT, seconds
    if clip["missing_samples"] / (seconds * 16000) > audio.max_missing_fraction:
        return Reason.AUDIO_MISSING, clip["missing_samples"] / (seconds * 16000)
    if not clip["audio_is_finite"]:
        return Reason.AUDIO_NOT_FINITE, clip["audio_peak"]
    if clip["audio_is_constant"] and clip["audio_peak"] > 0:
        return Reason.AUDIO_CONSTANT, clip["audio_peak"]
    if clip["audio_is_constant"] or clip["audio_rms"] < audio.min_rms:
        return Reason.AUDIO_SILENT, clip["audio_rms"]
    if clip["audio_clipped_fraction"] > audio.max_clipped_fraction:
        return Reason.AUDIO_CLIPPED, clip["audio_clipped_fraction"]
    if clips.shot_cuts == "drop" and clip["shot_cut_s"] is not None:
        depth_s = min(clip["shot_cut_s"] - clip["start_s"], clip["end_s"] - clip["shot_cut_s"])
        return Reason.CROSSES_SHOT_CUT, depth_s
    return None


@settings(max_examples=60)
@given(st.lists(st.tuples(planned_clip, measured_clip), min_size=1, max_size=40), configs)
def test_columns_give_the_verdicts_of_one_clip_after_the_other(
    clips: list[tuple[dict[str, Any], dict[str, Any]]], config: dict[str, Any]
) -> None:
    planned, measures = tables(clips)
    gated = apply_gates(planned, measures, config["clips"], config["face"], config["audio"])
    joined = planned.join(measures.drop(columns=["film", "start_s", "end_s"])).astype(object)
    records = joined.where(joined.notna(), None).to_dict("records")
    for record, reason, measured, detail in zip(
        records, gated["reason"], gated["measured"], gated["detail"], strict=True
    ):
        expected = verdict(record, config["clips"], config["face"], config["audio"])
        if expected is None:
            assert pd.isna(reason)
            assert pd.isna(measured)
            crosses = config["clips"].shot_cuts == "tell" and record["shot_cut_s"] is not None
            assert detail == "the film cuts to another shot at 1.10 s" if crosses else pd.isna(detail)
        else:
            assert (reason, detail) == (expected[0].value, ADVICE[expected[0]])
            assert pd.isna(measured) if expected[1] is None else measured == expected[1]


@pytest.mark.parametrize("name", [name for name in NEAR if name not in (*FLAGS, "audio_peak", "shot_cut_s")])
def test_a_measure_that_is_no_number_passes_no_gate(name: str) -> None:
    one = {"end_s": 2.0, "label": "sad", "tied": False, "review": None}
    planned, measures = tables([(one, CLEAR), (one, CLEAR | {name: np.nan})])
    gated = apply_gates(planned, measures, ClipsConfig(), FaceConfig(), AudioConfig())
    measure = "missing_fraction" if name == "missing_samples" else name
    assert pd.isna(gated["reason"].iloc[0])
    assert gated["reason"].iloc[1] == next(gate.reason for gate in GATES if gate.measure == measure)
    assert pd.isna(gated["measured"].iloc[1])


def test_a_clip_that_could_not_be_read_keeps_its_reason() -> None:
    one = {"end_s": 2.0, "label": None, "tied": True, "review": "drop"}
    planned, measures = tables([(one, dict.fromkeys(CLEAR, np.nan) | {"audio_is_finite": False})])
    measures = measures.assign(reason="no_face", measured=7.0, detail="nobody there")
    gated = apply_gates(planned, measures, ClipsConfig(keep_unlabelled=False), FaceConfig(), AudioConfig())
    assert gated[["reason", "measured", "detail"]].iloc[0].tolist() == ["no_face", 7.0, "nobody there"]


def test_every_threshold_is_a_setting_and_its_advice_names_it() -> None:
    face = FaceConfig(track=True, min_speaking=0.5)
    audio = AudioConfig(measures=True, min_speech_share=0.2, min_snr_db=5.0, max_music_share=0.5)
    sections = {"clips": ClipsConfig(shot_cuts="drop"), "face": face, "audio": audio}
    for gate in GATES:
        assert gate.limit(sections) is not None
        assert gate.stage in stages()
        if isinstance(gate.threshold, str) and gate.threshold.startswith("face."):
            assert gate.threshold in gate.advice


def test_the_report_shows_every_measure_that_has_a_threshold_with_that_threshold() -> None:
    face = FaceConfig(min_sharpness=0.07, max_yaw_deg=20.0, track=True, min_speaking=0.5)
    audio = AudioConfig(min_s=0.02, window_s=0.1, measures=True, min_snr_db=5.0)
    shown = {measure.column: (measure.low, measure.high) for measure in measures_of(face, audio)}
    assert shown["sharpness"] == (0.07, None)
    assert shown["yaw_deg"] == (-20.0, 20.0)
    assert shown["seconds"] == (0.1, None)
    assert shown["mirrored_fraction"] == (None, None)
    assert shown["speaking_score"] == (0.5, None)
    assert shown["snr_db"] == (5.0, None)
    by_default = {measure.column for measure in measures_of(FaceConfig(), AudioConfig())}
    assert by_default.isdisjoint(["speaking_score", "speech_share", "snr_db"])
    thresholds = {
        gate.measure
        for gate in GATES
        if isinstance(gate.threshold, str) and gate.threshold.split(".")[0] in ("face", "audio")
    }
    assert thresholds - {"score_off_screen"} <= shown.keys()  # which is the speaking_score of some clips
    assert limits_of("yaw_deg", {"face": FaceConfig(gate="score")}) == (None, None)
    assert {gate.direction for gate in GATES} == set(Direction)


def test_a_clip_with_too_little_sound_is_dropped_for_that_and_not_for_its_silence() -> None:
    one = {"end_s": 2.0, "label": "sad", "tied": False, "review": None}
    lacking = [{"missing_samples": 800.0}, {"missing_samples": 801.0}]
    silent = {"missing_samples": 16000.0, "audio_is_constant": True, "audio_rms": 0.0, "audio_peak": 0.0}
    planned, measures = tables([(one, CLEAR | more) for more in (*lacking, silent)])
    gated = apply_gates(planned, measures, ClipsConfig(), FaceConfig(), AudioConfig())
    assert pd.isna(gated["reason"].iloc[0])
    assert gated["reason"].tolist()[1:] == [Reason.AUDIO_MISSING] * 2
    assert gated["measured"].tolist()[1:] == [801 / 16000, 1.0]
    lenient = apply_gates(
        planned, measures, ClipsConfig(), FaceConfig(), AudioConfig(max_missing_fraction=1.0)
    )
    assert pd.isna(lenient["reason"].iloc[1])
    assert lenient["reason"].iloc[2] == Reason.AUDIO_SILENT
