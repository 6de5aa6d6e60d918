"""How much of a sound is speech or music, and how far the speech is above the rest: estimates, not measurements.

Music and laughter that the voice activity detector takes for speech count as speech.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emodal_data.audio_features.music import music_share
from emodal_data.core.sizes import RATE_HZ
from emodal_data.core.span import Span

#: Frames of the sound, and the least number of them without speech that say what the background is.
_FRAME = RATE_HZ // 50
_MIN_FRAMES = 5
#: Without enough pauses, the quietest tenth of the frames stands for the background.
_QUIET_PERCENTILE = 10.0
#: The estimate is cut at this value to either side: digital silence in the pauses gives no number.
MAX_SNR_DB = 60.0


@dataclass(frozen=True)
class VoiceLevel:
    """speech_share: of the sound, 0 to 1. snr_db: level of the speech above the background; None without speech.

    music_share: of the sound, 0 to 1, whether there is speech or not (see music.py).
    """

    speech_share: float
    snr_db: float | None
    music_share: float


def voice_level(wave: npt.NDArray[np.float32], speech: Sequence[Span]) -> VoiceLevel:
    """Shares of speech and music, and the signal-to-noise ratio: power in speech less that in pauses, over the latter.

    wave: (n,) at 16 kHz. speech: the stretches with a voice, seconds from its start.
    """
    frames = wave[: len(wave) // _FRAME * _FRAME].astype(np.float64).reshape(-1, _FRAME)
    share = min(1.0, sum(part.length_s for part in speech) * RATE_HZ / len(wave)) if len(wave) else 0.0
    middle_s = (np.arange(len(frames)) + 0.5) * _FRAME / RATE_HZ
    spoken = np.zeros(len(frames), bool)
    for part in speech:
        spoken |= (middle_s >= part.start_s) & (middle_s < part.end_s)
    if not spoken.any():
        return VoiceLevel(share, None, music_share(wave))
    power = (frames**2).mean(axis=1)
    pauses = power[~spoken]
    noise = pauses.mean() if len(pauses) >= _MIN_FRAMES else np.percentile(power, _QUIET_PERCENTILE)
    voice = max(float(power[spoken].mean()) - float(noise), 0.0)
    least, most = 10 ** (-MAX_SNR_DB / 10), 10 ** (MAX_SNR_DB / 10)
    ratio = most if noise == 0 else min(max(voice / float(noise), least), most)
    return VoiceLevel(share, 10 * float(np.log10(ratio)), music_share(wave))
