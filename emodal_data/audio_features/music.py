"""How much of a sound is likely music: tones that are held, as notes are and the gliding pitch of speech is not.

An estimate. Sung notes, hums and alarms count; drums without tones do not. What was measured: docs/benchmarks.
"""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from emodal_data.core.sizes import RATE_HZ

#: Spectra of 0.128 s every 0.032 s; tones are looked for in this range.
_WINDOW, _STEP = 2048, 512
_RANGE_HZ: Final = (150.0, 5000.0)
#: A tone is a maximum that is so much stronger than the mean of the spectrum's logarithm around it, 41 bins wide.
_ABOVE_NEPERS, _AROUND_BINS = 2.3, 41
#: A note holds its tone, give or take a bin (8 Hz), for so many spectra, an odd number: 0.45 s with the window.
_HELD: Final = 11
#: There is music where held tones and their flanks have this share of the power.
_MIN_SHARE_OF_POWER: Final = 0.3


def music_share(wave: npt.NDArray[np.float32]) -> float:
    """Share of a sound in which held tones stand out, 0 to 1; 0 for sounds shorter than one held note.

    wave: (n,) at 16 kHz.
    """
    if len(wave) < _WINDOW + _HELD * _STEP or not wave.any():
        return 0.0
    frames = np.lib.stride_tricks.sliding_window_view(wave, _WINDOW)[::_STEP]
    spectra = np.fft.rfft(frames * np.hanning(_WINDOW).astype(np.float32), axis=1)
    hz = np.fft.rfftfreq(_WINDOW, 1 / RATE_HZ)
    power = np.abs(spectra[:, (hz >= _RANGE_HZ[0]) & (hz <= _RANGE_HZ[1])]) ** 2
    level = np.log(power + 1e-9 * power.max() + 1e-12)
    is_maximum = level >= cv2.dilate(level, _along_hz(3))
    around = cv2.blur(level, (_AROUND_BINS, 1))
    is_tone = (is_maximum & (level > around + _ABOVE_NEPERS)).astype(np.uint8)
    note = np.ones((_HELD, 1), np.uint8)
    is_held = cv2.morphologyEx(cv2.dilate(is_tone, _along_hz(3)), cv2.MORPH_OPEN, note)
    of_notes = np.where(cv2.dilate(is_tone & is_held, _along_hz(5)), power, 0.0).sum(axis=1)
    return float((of_notes > _MIN_SHARE_OF_POWER * power.sum(axis=1)).mean())


def _along_hz(bins: int) -> npt.NDArray[np.uint8]:
    return np.ones((1, bins), np.uint8)
