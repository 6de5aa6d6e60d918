"""What a sample holds beside its plain columns: picture and sound of a clip, as found or augmented, and features.

Belongs here: one sample at a time, so that a shard needs no more memory for long clips than for many.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from emodal_data.audio_features import clip_features
from emodal_data.config import AudioConfig
from emodal_data.egemaps import egemaps_features
from emodal_data.flac import encode_flac
from emodal_data.ingest import encode_png
from emodal_data.schema import RATE_HZ


@dataclass(frozen=True)
class ContentSettings:
    """What decides the contents of samples. with_sound: keep the sound itself, too."""

    audio: AudioConfig
    augment_seed: int
    with_sound: bool


@dataclass(frozen=True)
class Contents:
    """The heavy columns of a sample. egemaps and flac are None where the settings do not ask for them.

    audio_features: (68,) float32. egemaps: (88,) float32.
    """

    png: bytes
    audio_features: npt.NDArray[np.float32]
    augmentation: str
    egemaps: npt.NDArray[np.float32] | None
    flac: bytes | None


def make_contents(png: bytes, pcm: bytes, clip_id: str, copy: int, settings: ContentSettings) -> Contents:
    """The contents of copy `copy` of a clip (0: the clip itself), from the clip store's picture and sound."""
    audio = settings.audio
    sound, augmentation = np.frombuffer(pcm, dtype="<i2"), "none"
    if copy:
        from emodal_data.augment import (
            augment_clip,  # scipy.signal takes long to import: not where a build only plans
        )

        face = np.asarray(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)
        face, sound, augmentation = augment_clip(face, sound, clip_id, copy, settings.augment_seed)
        png = encode_png(face)
    features = clip_features(
        sound, RATE_HZ, audio.window_s, audio.step_s, audio.statistics, backend=audio.backend
    )
    return Contents(
        png,
        features.astype(np.float32),
        augmentation,
        egemaps_features(sound).astype(np.float32) if audio.egemaps else None,
        encode_flac(sound) if settings.with_sound else None,
    )
