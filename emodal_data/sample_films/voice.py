"""Synthesizes speech with the prosody of an emotion, by espeak-ng through ctypes.

Music, room tone and mixing are in sound.py.
"""

import ctypes
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfilt

from emodal_data.core.errors import InputError, WorkError
from emodal_data.sample_films.materials import HINT

Signal = npt.NDArray[np.float32]
Samples = npt.NDArray[np.float64]

RATE_HZ = 22050
#: espeak-ng's voice variants, their accents, and sentences that are emotionally neutral.
VARIANTS = (
    "f1",
    "f2",
    "f3",
    "f4",
    "f5",
    "m1",
    "m2",
    "m3",
    "m4",
    "m5",
    "m7",
    "steph",
    "Andy",
    "adam",
    "linda",
    "max",
)
ACCENTS = ("en-us", "en-gb-scotland", "en-gb-x-rp", "en-029")
SENTENCES = (
    "The train leaves at seven.",
    "I left the keys on the table.",
    "We should talk about the house.",
    "They are at the other door.",
    "You never told me about it.",
    "My brother works in the harbour.",
    "She came back from the city.",
    "There is a dog by the door.",
    "It was raining when we came.",
    "Somebody called you just now.",
    "The children are by the gate.",
    "He opened the window again.",
    "I saw your car at the bank.",
    "We are going to see my mother.",
    "That is what he told me.",
    "Nobody knew you were coming.",
)
#: Emotion -> mean of (pitch shift, range shift, rate factor, level in dB, harshness, dullness).
PROSODY: dict[str, tuple[float, float, float, float, float, float]] = {
    "angry": (6.0, 14.0, 1.12, 5.0, 1.0, 0.0),
    "happy": (14.0, 22.0, 1.06, 2.0, 0.0, 0.0),
    "neutral": (0.0, 0.0, 1.0, 0.0, 0.0, 0.0),
    "sad": (-8.0, -20.0, 0.86, -4.0, 0.0, 1.0),
}
#: Standard deviation of these numbers between clips of one emotion.
SPREAD = (11.0, 20.0, 0.13, 2.5, 0.7, 0.7)
#: Share of the lines that are spoken with the prosody of a random emotion, as people sometimes do.
MASKED = 0.08

_RETRIEVAL, _RATE, _PITCH, _RANGE, _UTF8 = 1, 1, 3, 4, 1
_SynthCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True)
class Voice:
    """The voice of one speaker. pitch and range: 0 to 100, as in espeak. rate_wpm: words a minute."""

    name: str
    pitch: float
    range: float
    rate_wpm: float


def draw_voice(rng: np.random.Generator) -> Voice:
    """A new speaker's voice."""
    name = f"{rng.choice(ACCENTS)}+{rng.choice(VARIANTS)}"
    return Voice(name, rng.uniform(36, 58), rng.uniform(40, 58), rng.uniform(165, 195))


class Synthesizer:
    """espeak-ng with its own state: the same calls give the same samples, whatever the process synthesized before.

    The library keeps its state in global variables, so each synthesizer loads a copy of the file.
    Raises InputError if espeak-ng is not installed or cannot be loaded.
    """

    def __init__(self) -> None:
        try:
            import espeakng_loader
        except ImportError as exc:
            raise InputError(f"package espeakng-loader is not installed; {HINT}") from exc
        library_path, data_path = Path(espeakng_loader.get_library_path()), espeakng_loader.get_data_path()
        try:
            with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                self._library: Any = ctypes.CDLL(shutil.copy(library_path, folder))
        except OSError as exc:
            raise InputError(f"espeak-ng cannot be loaded ({exc}): reinstall espeakng-loader") from exc
        if self._library.espeak_Initialize(_RETRIEVAL, 0, str(data_path).encode(), 0) != RATE_HZ:
            raise InputError("espeak-ng found no usable data: reinstall espeakng-loader")
        # Otherwise it seeds its noise with the time.
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        self._pieces: list[npt.NDArray[np.int16]] = []
        # ctypes frees a callback without a reference.
        self._callback = _SynthCallback(self._take)
        self._library.espeak_SetSynthCallback(self._callback)

    def __call__(self, voice: str, text: str, rate_wpm: int, pitch: int, span: int) -> Samples:
        """Raw speech, (n,) -1 to 1 at RATE_HZ. Raises WorkError if there is no such voice or no sound."""
        self._pieces.clear()
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise WorkError(f"espeak-ng has no voice {voice}: reinstall espeakng-loader")
        for parameter, value in ((_RATE, rate_wpm), (_PITCH, pitch), (_RANGE, span)):
            self._library.espeak_SetParameter(parameter, value, 0)
        encoded = text.encode()
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None)
        self._library.espeak_Synchronize()
        if not self._pieces:
            raise WorkError("espeak-ng gave no sound: reinstall espeakng-loader")
        return np.concatenate(self._pieces).astype(np.float64) / 32768

    def _take(self, samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0


def speak(synthesizer: Synthesizer, voice: Voice, emotion: str, rng: np.random.Generator) -> Signal:
    """A random sentence with a random prosody of an emotion: (n,) float32 at RATE_HZ, peak below 1."""
    sentence = str(rng.choice(SENTENCES))
    shown = str(rng.choice(list(PROSODY))) if rng.random() < MASKED else emotion
    drawn = np.array(PROSODY[shown]) + rng.normal(0.0, 1.0, len(SPREAD)) * SPREAD
    pitch, span, rate, level_db, harsh, dull = drawn
    spoken = synthesizer(
        voice.name,
        sentence,
        round(np.clip(voice.rate_wpm * np.clip(rate, 0.7, 1.5), 90, 330)),
        round(np.clip(voice.pitch + pitch, 2, 98)),
        round(np.clip(voice.range + span, 2, 98)),
    )
    voiced = np.flatnonzero(np.abs(spoken) > 0.01)
    spoken = spoken[voiced[0] : voiced[-1] + 1]
    if harsh > 0:
        drive = 1 + 5 * harsh
        spoken = np.tanh(spoken * drive) / np.tanh(drive)
    if dull > 0:
        low = sosfilt(butter(2, max(900.0, 3200 - 1700 * dull), fs=RATE_HZ, output="sos"), spoken)
        spoken = spoken + (low - spoken) * min(1.0, 0.8 * dull)
    peak = float(np.abs(spoken).max())
    return np.asarray(spoken * (0.35 / peak * 10 ** (np.clip(level_db, -9, 8) / 20)), dtype=np.float32)
