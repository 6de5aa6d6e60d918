"""Which clips are good enough: the thresholds, applied to what ingest measured."""

import math
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from emodal_data.audio_features.quality import AudioMeasures
from emodal_data.core.config import AudioConfig, ClipsConfig, FaceConfig
from emodal_data.core.reasons import ADVICE, Reason
from emodal_data.face import FaceMeasures

#: Why a clip is not clear, and the number that decided it.
Verdict = tuple[Reason, float | None]

#: Clips judged at once: as Python values a clip takes some twenty times the memory of its row.
_AT_ONCE = 10_000
_FACE_FIELDS = [field.name for field in fields(FaceMeasures)]
_JUDGED_BY = ["review", "tied", "label", "start_s", "end_s", "shot_cut_s", *_FACE_FIELDS]


def apply_gates(
    clips: pd.DataFrame, measures: pd.DataFrame, clip: ClipsConfig, face: FaceConfig, audio: AudioConfig
) -> pd.DataFrame:
    """The clips joined with their measures; reason, measured and detail say what is wrong, null when clear.

    clips: as plan.Plan.clips, a review's decisions included. measures: as clip_store.read_measures, for every clip.
    """
    # Copies of a film share a store folder: names come from the plan, measures from the store.
    table = clips.join(measures.drop(columns=["film", "start_s", "end_s"]))
    if clip.shot_cuts == "ignore":
        table = table.drop(columns="shot_cut_s", errors="ignore")
    places, verdicts = _judge(table, clip, face, audio)
    if places:
        unclear = table.index[places]
        table.loc[unclear, "reason"] = [reason.value for reason, _ in verdicts]
        table.loc[unclear, "measured"] = [math.nan if number is None else number for _, number in verdicts]
        table.loc[unclear, "detail"] = [ADVICE[reason] for reason, _ in verdicts]
    if clip.shot_cuts == "tell":
        _tell_cuts(table)
    return table


def _judge(
    table: pd.DataFrame, clip: ClipsConfig, face: FaceConfig, audio: AudioConfig
) -> tuple[list[int], list[Verdict]]:
    """Places of the clips that are not clear, of those that have no reason yet, and the verdict on each."""
    places: list[int] = []
    verdicts: list[Verdict] = []
    open_ones = np.flatnonzero(table["reason"].isna())
    known = [name for name in table if name in _JUDGED_BY or str(name).startswith("audio_")]
    for start in range(0, len(open_ones), _AT_ONCE):
        judged = open_ones[start : start + _AT_ONCE]
        part = table[known].iloc[judged].astype(object)
        for place, record in zip(judged, part.where(part.notna(), None).to_dict("records"), strict=True):
            verdict = _verdict(record, clip, face, audio)
            if verdict:
                places.append(int(place))
                verdicts.append(verdict)
    return places, verdicts


def _tell_cuts(table: pd.DataFrame) -> None:
    """Say in the detail of clear clips that they go on over a cut."""
    crossing = table["reason"].isna() & table["shot_cut_s"].notna()
    table.loc[crossing, "detail"] = table.loc[crossing, "shot_cut_s"].map(
        "the film cuts to another shot at {:.2f} s".format
    )


def _verdict(
    record: dict[Any, Any], clip: ClipsConfig, face: FaceConfig, audio: AudioConfig
) -> Verdict | None:
    if record.get("review") == "drop":
        return Reason.DROPPED_BY_REVIEW, None
    if record["tied"]:
        return Reason.LABEL_TIE, None
    if record["label"] is None and not clip.keep_unlabelled:
        return Reason.UNLABELLED, None
    seen = FaceMeasures(**{name: record[name] for name in _FACE_FIELDS})
    heard = AudioMeasures(
        seconds=record["end_s"] - record["start_s"],
        peak=record["audio_peak"],
        rms=record["audio_rms"],
        clipped_fraction=record["audio_clipped_fraction"],
        is_constant=record["audio_is_constant"],
        is_finite=record["audio_is_finite"],
    )
    return face_gate(seen, face) or audio_gate(heard, audio) or _cut(record, clip)


def _cut(record: dict[Any, Any], clip: ClipsConfig) -> Verdict | None:
    """Measured: how far the cut is from the nearer end of the span."""
    cut_s = record.get("shot_cut_s")
    if clip.shot_cuts != "drop" or cut_s is None:
        return None
    return Reason.CROSSES_SHOT_CUT, min(cut_s - record["start_s"], record["end_s"] - cut_s)


def audio_gate(measures: AudioMeasures, config: AudioConfig) -> tuple[Reason, float] | None:
    """Why the clip cannot be used, with the number that decided it; None if it can.

    The first of: too short, not finite, silent, constant, clipped. A clip must fill at least one window.
    """
    if measures.seconds < max(config.min_s, config.window_s):
        return Reason.AUDIO_TOO_SHORT, measures.seconds
    if not measures.is_finite:
        return Reason.AUDIO_NOT_FINITE, measures.peak
    if measures.is_constant and measures.peak > 0:
        return Reason.AUDIO_CONSTANT, measures.peak
    if measures.is_constant or measures.rms < config.min_rms:
        return Reason.AUDIO_SILENT, measures.rms
    if measures.clipped_fraction > config.max_clipped_fraction:
        return Reason.AUDIO_CLIPPED, measures.clipped_fraction
    return None


def face_gate(measures: FaceMeasures, config: FaceConfig) -> tuple[Reason, float] | None:
    """The first threshold that a face fails, and the measured value; None: clear, or config.gate is "score"."""
    if config.gate == "score":
        return None
    m, c = measures, config
    checks = (
        (Reason.FACE_SCORE_LOW, m.face_score, m.face_score >= c.min_score),
        (Reason.LANDMARK_SCORE_LOW, m.landmark_score, m.landmark_score >= c.min_landmark_score),
        (Reason.FACE_TOO_SMALL, m.face_width_px, m.face_width_px >= c.min_width_px),
        (Reason.FACE_BLURRED, m.sharpness, m.sharpness >= c.min_sharpness),
        (Reason.FACE_TURNED_AWAY, m.yaw_deg, abs(m.yaw_deg) <= c.max_yaw_deg),
        (Reason.FACE_TURNED_AWAY, m.pitch_deg, abs(m.pitch_deg) <= c.max_pitch_deg),
        (Reason.FACE_CUT_BY_BORDER, m.outside_fraction, m.outside_fraction <= c.max_outside_fraction),
        (Reason.FACE_NOT_DOMINANT, m.dominance, m.dominance >= c.min_dominance),
    )
    # "is within" is asked, so that a NaN fails.
    return next(((reason, value) for reason, value, is_within in checks if not is_within), None)
