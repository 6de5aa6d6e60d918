"""The derived columns of one sample: picture and sound of a clip, augmented or not, and their features.

Samples are made one at a time, so that a shard of long clips needs no more memory than one of short clips.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt

from emodal_data.audio_features.egemaps import egemaps_features
from emodal_data.audio_features.extract import Float32s, describe_speech
from emodal_data.core.config import AudioConfig
from emodal_data.media.encoders import decode_image, encode_flac, encode_image, encode_png


@dataclass(frozen=True)
class SampleSettings:
    """The settings that decide the derived columns of samples. with_sound: keep the sound itself, too.

    views: columns of schema.VIEWS.
    """

    audio: AudioConfig
    augment_seed: int
    with_sound: bool
    views: tuple[str, ...] = ()


@dataclass(frozen=True)
class SampleData:
    """The derived columns of a sample; None for a half that is missing, or that was not asked for.

    audio_features: (68,). short_term: (frames, 68). egemaps: (88,). views: the columns of SampleSettings.views.
    """

    png: bytes | None
    audio_features: Float32s | None
    augmentation: str
    short_term: Float32s | None
    egemaps: Float32s | None
    flac: bytes | None
    views: Mapping[str, bytes | None]


def make_sample(
    png: bytes | None,
    pcm: bytes | None,
    clip_id: str,
    augmentation_index: int,
    settings: SampleSettings,
    views: Mapping[str, bytes | None] = MappingProxyType({}),
) -> SampleData:
    """A sample of a clip (index 0: the clip itself), from picture, sound and views in the clip store."""
    audio, augmentation = settings.audio, "none"
    sound = None if pcm is None else np.frombuffer(pcm, dtype="<i2")
    if augmentation_index:
        from emodal_data.dataset.augment.clip import augment_clip, augment_view

        seed = settings.augment_seed
        image = None if png is None else _decoded(png)
        face, sound, augmentation = augment_clip(image, sound, clip_id, augmentation_index, seed)
        png = None if face is None else encode_png(face)

        def changed(name: str, data: bytes | None) -> bytes | None:
            if data is None:
                return None
            view = augment_view(decode_image(data), name, clip_id, augmentation_index, seed)
            return encode_image(view, _form(data))

        views = {name: changed(name, data) for name, data in views.items()}
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


def _form(data: bytes) -> Literal["png", "jpeg"]:
    return "png" if data.startswith(b"\x89PNG") else "jpeg"


@lru_cache(maxsize=1)
def _decoded(png: bytes) -> npt.NDArray[np.uint8]:
    """The picture, (128, 128), read-only; cached for the next augmentation of the same clip."""
    face = decode_image(png)
    face.setflags(write=False)
    return face
