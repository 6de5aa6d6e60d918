"""The quality gates: one table of thresholds, applied to whole columns of clips.

A film is read once and everything is stored; the gates compare the stored measures with the settings when a dataset
is planned. So another threshold reads no film.
"""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from emodal_data.clips.tables import GATED, MEASURED, PLANNED, checked
from emodal_data.core.config import AudioConfig, ClipsConfig, FaceConfig, Section
from emodal_data.core.places import places_of
from emodal_data.core.reasons import ADVICE, Reason, stage_of
from emodal_data.core.schema import EXPRESSION_NAMES, SPEAKING, VOICE_LEVEL
from emodal_data.core.sizes import RATE_HZ

if TYPE_CHECKING:
    from emodal_data.audio_features.quality import AudioMeasures
    from emodal_data.audio_features.voice_level import VoiceLevel
    from emodal_data.clips.speaking import SpeakingMeasures
    from emodal_data.face import FaceMeasures

#: The reason why a clip is dropped, and the number that decided it.
Verdict = tuple[Reason, float | None]

#: Sections of the configuration by name.
Sections = Mapping[str, Section]


class Direction(StrEnum):
    """How a measure is compared with its threshold. NaN is on the wrong side of every threshold."""

    AT_LEAST = "at least"
    AT_MOST = "at most"
    WITHIN = "at most, to either side"


_PASSES: Final[Mapping[Direction, Callable[[Any, float], Any]]] = {
    Direction.AT_LEAST: operator.ge,
    Direction.AT_MOST: operator.le,
    Direction.WITHIN: lambda value, limit: abs(value) <= limit,
}

#: Thresholds of settings that are words; any other word turns the gate off.
_WORDS: Final = {"drop": 0.0}


#: Thresholds that ask nothing at 0, although the measure may be missing.
_OFF_AT_ZERO: Final = ("min_speaking", "min_speech_share")


@dataclass(frozen=True)
class Gate:
    """A row of the table: a clip passes if its measure is on the right side of the threshold.

    measure: column of the clips, or of _DERIVED. threshold: the setting that holds it (section.key), or a fixed number.
    reported: the column whose value the ledger shows as `measured`; None shows none.
    """

    measure: str
    direction: Direction
    threshold: str | float
    reason: Reason
    reported: str | None

    @property
    def stage(self) -> str:
        """The stage of a build at which the report counts the clips that fail."""
        return stage_of(self.reason)

    @property
    def advice(self) -> str:
        """What a user can do about it."""
        return ADVICE[self.reason]

    def limit(self, sections: Sections) -> float | None:
        """The threshold in a build's settings; None if the gate is off."""
        if not isinstance(self.threshold, str):
            return self.threshold
        name, key = self.threshold.split(".")
        section = sections[name]
        if isinstance(section, FaceConfig) and section.gate == "score":
            return None
        value = getattr(section, key)
        if value is None or (key in _OFF_AT_ZERO and not value):
            return None
        return _WORDS.get(value) if isinstance(value, str) else float(value)

    def passes(self, value: Any, limit: float) -> Any:
        """Whether a value, or each of an array of values, is on the right side of the limit."""
        return _PASSES[self.direction](value, limit)


def _gate(
    measure: str, direction: Direction, threshold: str | float, reason: Reason, reported: str = ""
) -> Gate:
    return Gate(measure, direction, threshold, reason, reported or measure)


LABEL_GATES: Final = (
    Gate("is_dropped_by_review", Direction.AT_MOST, 0.0, Reason.DROPPED_BY_REVIEW, None),
    Gate("tied", Direction.AT_MOST, 0.0, Reason.LABEL_TIE, None),
    Gate("is_unlabelled", Direction.AT_MOST, "clips.keep_unlabelled", Reason.UNLABELLED, None),
)
FACE_GATES: Final = (
    _gate("face_score", Direction.AT_LEAST, "face.min_score", Reason.FACE_SCORE_LOW),
    _gate("landmark_score", Direction.AT_LEAST, "face.min_landmark_score", Reason.LANDMARK_SCORE_LOW),
    _gate("face_width_px", Direction.AT_LEAST, "face.min_width_px", Reason.FACE_TOO_SMALL),
    _gate("sharpness", Direction.AT_LEAST, "face.min_sharpness", Reason.FACE_BLURRED),
    _gate("blur_px", Direction.AT_MOST, "face.max_blur_px", Reason.FACE_BLURRED),
    _gate("yaw_deg", Direction.WITHIN, "face.max_yaw_deg", Reason.FACE_TURNED_AWAY),
    _gate("pitch_deg", Direction.WITHIN, "face.max_pitch_deg", Reason.FACE_TURNED_AWAY),
    _gate("outside_fraction", Direction.AT_MOST, "face.max_outside_fraction", Reason.FACE_CUT_BY_BORDER),
    _gate("dominance", Direction.AT_LEAST, "face.min_dominance", Reason.FACE_NOT_DOMINANT),
    _gate("view_score", Direction.AT_LEAST, "face.min_view_score", Reason.FACE_VIEW_BROKEN),
)
#: Of clips whose faces were followed; without that the settings have no threshold.
SPEAKING_GATES: Final = (
    _gate(
        "score_off_screen",
        Direction.AT_LEAST,
        "face.min_speaking",
        Reason.NOBODY_ON_SCREEN_SPEAKS,
        "speaking_score",
    ),
    _gate("speaking_score", Direction.AT_LEAST, "face.min_speaking", Reason.SPEAKER_UNSURE),
)
SOUND_GATES: Final = (
    _gate("seconds", Direction.AT_LEAST, "audio.min_s", Reason.AUDIO_TOO_SHORT),
    _gate("seconds", Direction.AT_LEAST, "audio.window_s", Reason.AUDIO_TOO_SHORT),
    _gate("missing_fraction", Direction.AT_MOST, "audio.max_missing_fraction", Reason.AUDIO_MISSING),
    _gate("audio_is_finite", Direction.AT_LEAST, 1.0, Reason.AUDIO_NOT_FINITE, "audio_peak"),
    _gate("audio_offset", Direction.AT_MOST, 0.0, Reason.AUDIO_CONSTANT),
    # A constant that is not an offset is digital silence, whatever the threshold.
    _gate("audio_is_constant", Direction.AT_MOST, 0.0, Reason.AUDIO_SILENT, "audio_rms"),
    _gate("audio_rms", Direction.AT_LEAST, "audio.min_rms", Reason.AUDIO_SILENT),
    _gate("audio_clipped_fraction", Direction.AT_MOST, "audio.max_clipped_fraction", Reason.AUDIO_CLIPPED),
    _gate("speech_share", Direction.AT_LEAST, "audio.min_speech_share", Reason.AUDIO_LITTLE_SPEECH),
    _gate("snr_db", Direction.AT_LEAST, "audio.min_snr_db", Reason.AUDIO_NOISY),
    _gate("music_share", Direction.AT_MOST, "audio.max_music_share", Reason.AUDIO_MUSIC),
)
CUT_GATES: Final = (
    _gate("crosses_cut", Direction.AT_MOST, "clips.shot_cuts", Reason.CROSSES_SHOT_CUT, "cut_depth_s"),
)
#: All gates in the order in which a clip meets them; the first that it fails gives its reason.
GATES: Final = (*LABEL_GATES, *FACE_GATES, *SPEAKING_GATES, *SOUND_GATES, *CUT_GATES)

#: Measures that are computed from the columns of clips where they are not columns themselves.
_DERIVED: Final[Mapping[str, Callable[[Any], Any]]] = {
    "is_dropped_by_review": lambda clips: clips["review"] == "drop",
    # The score of a face where nobody speaks; another face fails by its own score, for another reason.
    "score_off_screen": lambda clips: np.where(clips["on_screen"] == "no", clips["speaking_score"], 1.0),
    "is_unlabelled": lambda clips: clips["label"].isna(),
    "seconds": lambda clips: clips["end_s"] - clips["start_s"],
    "missing_fraction": lambda clips: (
        clips["missing_samples"] / ((clips["end_s"] - clips["start_s"]) * RATE_HZ)
    ),
    "audio_offset": lambda clips: clips["audio_is_constant"] * clips["audio_peak"],
    "crosses_cut": lambda clips: clips["shot_cut_s"].notna(),
    "cut_depth_s": lambda clips: np.minimum(
        clips["shot_cut_s"] - clips["start_s"], clips["end_s"] - clips["shot_cut_s"]
    ),
}


def apply_gates(
    clips: pd.DataFrame, measures: pd.DataFrame, clip: ClipsConfig, face: FaceConfig, audio: AudioConfig
) -> pd.DataFrame:
    """Planned clips (tables.PLANNED) with their measures (tables.MEASURED) and the verdict on each: tables.GATED.

    A clip that has a reason already keeps it.
    """
    checked(clips, PLANNED)
    checked(measures, MEASURED)
    # Identical films share a folder of the store: names come from the plan, measures from the store.
    measures = measures.drop(columns=["film", "start_s", "end_s"])
    places = places_of(clips.index, measures.index)
    if (places < 0).any():
        table = clips.join(measures)
    else:  # which makes no hash table of the names
        table = pd.concat([clips, measures.take(places).set_axis(clips.index)], axis=1)
    _drop_uncertain_films(table)
    asked = [*(SPEAKING if face.tracks_faces else ()), *(VOICE_LEVEL if audio.measures else ())]
    for field in asked:
        if field.name not in table:  # no clip had a face or a sound
            table[field.name] = None if field.type == pa.string() else np.nan
    if clip.shot_cuts == "ignore":
        table = table.drop(columns="shot_cut_s", errors="ignore")
    if not face.measures:
        table = table.drop(columns=EXPRESSION_NAMES, errors="ignore")
    failed, measured = _first_failed(table, {"clips": clip, "face": face, "audio": audio})
    dropped = failed >= 0
    if dropped.any():
        gates = failed[dropped]
        table.loc[dropped, "reason"] = np.array([gate.reason.value for gate in GATES], dtype=object)[gates]
        table.loc[dropped, "measured"] = measured[dropped]
        table.loc[dropped, "detail"] = np.array([gate.advice for gate in GATES], dtype=object)[gates]
    if clip.shot_cuts == "tell":
        _note_cuts(table)
    return checked(table, GATED)


def _drop_uncertain_films(table: pd.DataFrame) -> None:
    """Drop all clips of a film with a frame that a whole decode contradicts: its other frames are no better.

    Such rows have what the whole decode measured; spans whose frame the reader itself refuses have no measure.
    """
    is_uncertain = (table["reason"] == Reason.FRAME_UNCERTAIN.value) & table["measured"].notna()
    uncertain = table[is_uncertain.to_numpy()]
    if uncertain.empty:
        return
    details = uncertain.groupby("film")["detail"].first()
    rows = table.index[table["film"].isin(details.index) & table["reason"].isna()]
    table.loc[rows, "reason"] = Reason.FRAME_UNCERTAIN.value
    table.loc[rows, "detail"] = table.loc[rows, "film"].map(details)


def face_gate(measures: "FaceMeasures | Mapping[str, Any]", config: FaceConfig) -> Verdict | None:
    """The first gate that a face fails, and the measured value; None if it passes, or if config.gate is "score".

    measures: of the face, also as a row of the clip store has them.
    """
    values = measures if isinstance(measures, Mapping) else asdict(measures)
    return _verdict(values, FACE_GATES, {"face": config})


def speaking_gate(measures: "SpeakingMeasures | None", config: FaceConfig) -> Verdict | None:
    """The first gate that a face fails by what the voice says about it, and the measured value; None if it passes."""
    missing = {"speaking_score": math.nan, "on_screen": None}
    return _verdict(asdict(measures) if measures else missing, SPEAKING_GATES, {"face": config})


def audio_gate(
    measures: "AudioMeasures",
    config: AudioConfig,
    missing_samples: int = 0,
    level: "VoiceLevel | None" = None,
) -> Verdict | None:
    """The first gate that a sound fails, and the measured value; None if it passes. level: of audio.measures."""
    missing_fraction = missing_samples / (measures.seconds * RATE_HZ) if missing_samples else 0.0
    values = {"seconds": measures.seconds, "missing_fraction": missing_fraction, **stored_audio(measures)}
    values |= stored_level(level) if level else dict.fromkeys((field.name for field in VOICE_LEVEL), math.nan)
    return _verdict(values, SOUND_GATES, {"audio": config})


def stored_audio(measures: "AudioMeasures") -> dict[str, float | bool]:
    """The measures of a sound as columns of the clip store."""
    return {
        "audio_rms": measures.rms,
        "audio_peak": measures.peak,
        "audio_clipped_fraction": measures.clipped_fraction,
        "audio_is_constant": measures.is_constant,
        "audio_is_finite": measures.is_finite,
    }


def stored_level(level: "VoiceLevel") -> dict[str, float]:
    """The estimates about a sound as columns of the clip store."""
    return {**asdict(level), "snr_db": math.nan if level.snr_db is None else level.snr_db}


def limits_of(measure: str, sections: Sections) -> tuple[float | None, float | None]:
    """The least and the largest value of a measure that the gates let through; None where there is no limit."""
    low: list[float] = []
    high: list[float] = []
    for gate in GATES:
        if gate.measure != measure or (limit := gate.limit(sections)) is None:
            continue
        if gate.direction is not Direction.AT_LEAST:
            high.append(limit)
        if gate.direction is not Direction.AT_MOST:
            low.append(-limit if gate.direction is Direction.WITHIN else limit)
    return max(low, default=None), min(high, default=None)


def _first_failed(
    clips: pd.DataFrame, sections: Sections
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The place in GATES of the first gate that each clip fails, -1 for none, and the value that decided it.

    One column at a time, so that memory does not grow with the number of gates.
    """
    failed = np.full(len(clips), -1, dtype=np.int64)
    measured = np.full(len(clips), np.nan)
    passing = clips["reason"].isna().to_numpy(copy=True)
    for place, gate in enumerate(GATES):
        limit = gate.limit(sections)
        if limit is None or (gate.reason is Reason.DROPPED_BY_REVIEW and "review" not in clips):
            continue
        fails = passing & _has_half(clips, gate, sections) & ~gate.passes(_column(clips, gate.measure), limit)
        if fails.any():
            failed[fails] = place
            passing &= ~fails
            if gate.reported:
                measured[fails] = _column(clips, gate.reported)[fails]
    return failed, measured


def _has_half(clips: pd.DataFrame, gate: Gate, sections: Sections) -> npt.NDArray[np.bool_]:
    """Whether each clip has the half that the gate is about: unless clips.modalities is "both", one may be missing."""
    config = sections["clips"]
    half = {"face": "faces_in_frame", "sound": "audio_is_finite"}.get(gate.stage)
    if half is None or (isinstance(config, ClipsConfig) and config.modalities == "both"):
        return np.ones(len(clips), dtype=bool)
    present: npt.NDArray[np.bool_] = clips[half].notna().to_numpy(dtype=bool)
    return present


def _verdict(values: Mapping[str, Any], gates: tuple[Gate, ...], sections: Sections) -> Verdict | None:
    for gate in gates:
        limit = gate.limit(sections)
        if limit is not None and not gate.passes(_value(values, gate.measure), limit):
            return gate.reason, None if gate.reported is None else float(_value(values, gate.reported))
    return None


def _column(clips: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    values = _value(clips, name)
    return np.asarray(values.to_numpy() if isinstance(values, pd.Series) else values, dtype=np.float64)


def _value(values: Any, name: str) -> Any:
    return values[name] if name in values else _DERIVED[name](values)


def _note_cuts(table: pd.DataFrame) -> None:
    """Note in the detail of clips that passed that a cut lies within them."""
    crossing = table["reason"].isna() & table["shot_cut_s"].notna()
    notes = (
        table.loc[crossing, "shot_cut_s"]
        .map("the film cuts to another shot at {:.2f} s".format)
        .astype(object)
    )
    others = table.loc[crossing, "detail"]
    table.loc[crossing, "detail"] = notes.where(others.isna(), others.astype(object) + "; " + notes)
