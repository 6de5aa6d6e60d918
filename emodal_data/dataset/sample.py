"""The derived columns of one sample: picture and sound of a clip, augmented or not, and their features.

Samples are made one at a time, so that a shard of long clips needs no more memory than one of short clips.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from emodal_data.audio_features.egemaps import egemaps_features
from emodal_data.audio_features.extract import Float32s, describe_speech
from emodal_data.dataset.shards import SampleSettings
from emodal_data.dataset.views import make_views
from emodal_data.media.encoders import decode_image, encode_flac, encode_png


@dataclass(frozen=True)
class SampleData:
    """The derived columns of a sample; None for a half that is missing, or that was not asked for.

    audio_features: (68,). short_term: (frames, 68). egemaps: (88,). views: columns of schema.VIEW_OPTIONS, for Arrow.
    """

    png: bytes | None
    audio_features: Float32s | None
    augmentation: str
    short_term: Float32s | None
    egemaps: Float32s | None
    flac: bytes | None
    views: Mapping[str, Any]


def make_sample(
    png: bytes | None,
    pcm: bytes | None,
    clip_id: str,
    augmentation_index: int,
    settings: SampleSettings,
    stored: Mapping[str, Any] = MappingProxyType({}),
) -> SampleData:
    """A sample of a clip (index 0: the clip itself), from picture, sound and views in the clip store.

    stored: the row of the clip store, with the columns of views.stored_views.
    """
    audio, augmentation = settings.audio, "none"
    sound = None if pcm is None else np.frombuffer(pcm, dtype="<i2")
    if augmentation_index:
        from emodal_data.dataset.augment.clip import augment_clip

        image = None if png is None else _decoded(png)
        face, sound, augmentation = augment_clip(
            image, sound, clip_id, augmentation_index, settings.augment_seed
        )
        png = None if face is None else encode_png(face)
    views = make_views(stored, clip_id, augmentation_index, settings.augment_seed, settings.face)
    if sound is None:
        return SampleData(png, None, augmentation, None, None, None, views)
    speech = describe_speech(sound, audio)
    return SampleData(
        png,
        speech.features,
        augmentation,
        speech.short_term,
        egemaps_features(sound).astype(np.float32) if audio.egemaps else None,
        encode_flac(sound) if settings.with_sound else None,
        views,
    )


@lru_cache(maxsize=1)
def _decoded(png: bytes) -> npt.NDArray[np.uint8]:
    """The picture, (128, 128), read-only; cached for the next augmentation of the same clip."""
    face = decode_image(png)
    face.setflags(write=False)
    return face
