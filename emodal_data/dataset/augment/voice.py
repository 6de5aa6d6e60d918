"""Augmentation of the sound before its features are computed: the changes, their ranges, and how they are made.

All sound is at 16 kHz. The filters are written out, because scipy.signal takes a second of CPU to be imported.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from emodal_data.core.sizes import RATE_HZ
from emodal_data.dataset.augment.stable_random import StableRandom

Samples = npt.NDArray[np.int16]
Floats = npt.NDArray[np.float64]

_HOP = 480  # 30 ms: a frame of two hops holds several periods of a voice
_SEARCH = 160  # 10 ms to either side: one period of a 50 Hz voice
_COARSE = 4  # the search runs at 4 kHz, where the periods of a voice still show
_SHORTEST_S = 0.5
_FADE = 0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, 2 * _HOP + 1))[:-1]


@dataclass(frozen=True)
class VoiceChange:
    """One set of changes, in the order they are made; the defaults change nothing."""

    tempo: float = 1.0
    pitch: float = 1.0
    reverb_s: float = 0.0
    """Time in which the echo falls by 60 dB."""
    snr_db: float | None = None
    gain_db: float = 0.0

    def describe(self) -> str:
        """The changes as "tempo=1.05;snr=24dB", empty if there are none."""
        parts = []
        if self.tempo != 1:
            parts.append(f"tempo={self.tempo:g}")
        if self.pitch != 1:
            parts.append(f"pitch={self.pitch:g}")
        if self.reverb_s:
            parts.append(f"reverb={self.reverb_s:g}s")
        if self.snr_db is not None:
            parts.append(f"snr={self.snr_db:g}dB")
        if self.gain_db:
            parts.append(f"gain={self.gain_db:+g}dB")
        return ";".join(parts)


def draw_voice_change(draws: StableRandom, length: int) -> VoiceChange:
    """A small random change for a clip of so many samples; never a gain alone: the features do not see it."""
    change = VoiceChange(
        tempo=draws.number(0.9, 1.1, 0.01) if draws.chance(40) else 1.0,
        pitch=draws.number(0.94, 1.06, 0.01) if draws.chance(40) else 1.0,
        reverb_s=draws.number(0.2, 0.6, 0.05) if draws.chance(25) else 0.0,
        snr_db=draws.number(20, 40, 1) if draws.chance(50) else None,
        gain_db=draws.number(-6, 6, 0.1) if draws.chance(50) else 0.0,
    )
    if length < _SHORTEST_S * RATE_HZ:
        # An augmented sample must not be shorter than the shortest sound that the gates accept.
        change = replace(change, tempo=1.0)
    if replace(change, gain_db=0.0) == VoiceChange():
        change = replace(change, snr_db=30.0)
    return change


def augment_voice(audio: Samples, change: VoiceChange, draws: StableRandom) -> Samples:
    """The changed sound, int16 at 16 kHz, round(n / tempo) samples; draws gives echo and noise."""
    wave = audio.astype(np.float64)
    length = round(len(wave) / change.tempo)
    if change.pitch != 1:
        wave = resample(wave, change.pitch)
    if change.tempo != 1 or change.pitch != 1:
        wave = _stretch(wave, length)
    if change.reverb_s:
        wave = _reverberate(wave, change.reverb_s, draws)
    if change.snr_db is not None:
        noise_rms = wave.std() * 10 ** (-change.snr_db / 20)
        wave = wave + noise_rms * draws.noise(len(wave))
    if change.gain_db:
        wave = wave * 10 ** (change.gain_db / 20)
    return np.clip(np.rint(wave), -32768, 32767).astype(np.int16)


def resample(wave: Floats, pitch: float) -> Floats:
    """The wave played `pitch` times as fast: higher by that factor, and shorter.

    A polyphase filter, as scipy.signal.resample_poly: `up` outputs take `down` inputs, and each of them has the taps of
    its phase. The products are added from the oldest input to the newest, so that the sums are the same everywhere. The
    import of scipy.signal costs 0.8 CPU-s in every process, as much as 2,000 sounds of 3 s save by its faster filter.
    """
    up, down = Fraction(100, round(100 * pitch)).as_integer_ratio()
    taps, newest = _phases(up, down)
    count = -(-len(wave) * up // down)
    turns = -(-count // up)
    reach = len(taps) + newest[-1] + 1
    padded = np.concatenate([np.zeros(len(taps)), wave, np.zeros(reach + down)])
    inputs = np.ascontiguousarray(sliding_window_view(padded, reach)[::down][:turns].T)
    resampled = np.zeros((up, turns))
    for age in reversed(range(len(taps))):
        resampled += inputs[newest + len(taps) - age] * taps[age]
    return resampled.T.reshape(-1)[:count]


@cache
def _phases(up: int, down: int) -> tuple[Floats, npt.NDArray[np.intp]]:
    """The anti-aliasing filter by phase: taps, (ages of inputs, up, 1), and the newest input of each phase, (up,)."""
    widest = max(up, down)
    half = 8 * widest
    lowpass = np.sinc(np.arange(-half, half + 1) / widest) * np.kaiser(2 * half + 1, 5.0)
    padded = np.zeros(-(-len(lowpass) // up) * up)
    padded[: len(lowpass)] = lowpass * (up / lowpass.sum())
    newest, phase = np.divmod(np.arange(up) * down + half, up)
    return padded.reshape(-1, up)[:, phase, None], newest


def _stretch(wave: Floats, length: int) -> Floats:
    """The wave at the same pitch in `length` samples (WSOLA, Verhelst & Roelands 1993).

    Frames of two hops are taken at an even pace, each moved by up to 10 ms to where it continues the last
    one best, and cross-faded.
    """
    hops = -(-length // _HOP) + 1
    pace = len(wave) / length * _HOP
    # The hop in front lets the first hop of the output be the first hop of the wave.
    padded = np.concatenate([np.zeros(_HOP + _SEARCH), wave, np.zeros(3 * _HOP + 2 * _SEARCH)])
    usable = len(padded) // _COARSE * _COARSE
    # Whole numbers, so that every sum below is exact and the choice the same on every machine.
    coarse = np.rint(sum(padded[:usable].reshape(-1, _COARSE).T))
    hop, reach = _HOP // _COARSE, 2 * _SEARCH // _COARSE
    energy = np.concatenate([[0.0], np.cumsum(coarse * coarse)])
    norm = np.sqrt(energy[hop:] - energy[:-hop] + 1.0)

    starts = np.full(hops, _SEARCH, dtype=np.intp)
    last = len(coarse) - hop - reach - 1
    following = _SEARCH // _COARSE + hop
    for k in range(1, hops):
        first = min(int(k * pace) // _COARSE, last)
        likeness = np.correlate(coarse[first : first + reach + hop], coarse[following : following + hop])
        likeness /= norm[first : first + reach + 1]
        start = first + int(likeness.argmax())
        starts[k] = start * _COARSE
        following = min(start + hop, len(coarse) - hop)

    frames = sliding_window_view(padded, 2 * _HOP)[starts] * _FADE
    # From the second hop on, every output hop is the end of one frame and the beginning of the next.
    joined: Floats = (frames[:-1, _HOP:] + frames[1:, :_HOP]).reshape(-1)
    return joined[:length]


def _reverberate(wave: Floats, decay_s: float, draws: StableRandom) -> Floats:
    """The wave in a room: itself plus a decaying noise of echoes 9 dB below it; the tail is cut."""
    count = round(decay_s * RATE_HZ)
    echoes = draws.noise(count) * 10.0 ** (-3.0 * np.arange(count) / count)
    echoes[:40] = 0.0
    echoes *= 10 ** (-9 / 20) / np.sqrt(np.sum(echoes * echoes))
    echoes[0] = 1.0
    size = 1 << (len(wave) + count).bit_length()
    echoed: Floats = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(echoes, size), size)[: len(wave)]
    return echoed
