"""Computes the speech features of a sample with the settings of `audio`: the 68, and short-term frames if wanted."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emodal_data.audio_features import short_term_features, summarised, with_deltas
from emodal_data.core.config import AudioConfig
from emodal_data.core.sizes import RATE_HZ

Float32s = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Speech:
    """features: (68,), see clip_features. short_term: (frames, 68), see with_deltas; None without audio.short_term."""

    features: Float32s
    short_term: Float32s | None


def describe_speech(pcm: npt.NDArray[np.int16], audio: AudioConfig) -> Speech:
    """The features of one sound. pcm: (n,) at 16 kHz. Raises Dropped for less than one window."""
    frames = short_term_features(pcm, RATE_HZ, audio.window_s, audio.step_s, audio.backend)
    return Speech(
        summarised(frames, audio.statistics).astype(np.float32),
        with_deltas(frames).astype(np.float32) if audio.short_term else None,
    )
