"""A waveform to numbers: the 68 speech features, eGeMAPS, and measures of the signal's quality (no thresholds)."""

from emodal_data.audio_features.short_term import (
    FEATURE_NAMES,
    FEATURES_VERSION,
    FRAME_NAMES,
    SHORT_TERM_NAMES,
    clip_features,
    feature_names,
    short_term_features,
    summarised,
    with_deltas,
)

__all__ = [
    "FEATURES_VERSION",
    "FEATURE_NAMES",
    "FRAME_NAMES",
    "SHORT_TERM_NAMES",
    "clip_features",
    "feature_names",
    "short_term_features",
    "summarised",
    "with_deltas",
]
