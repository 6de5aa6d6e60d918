"""Computes the 68 speech features of a clip for all frames at once, with pyAudioAnalysis 0.3.14's names and values.

The quality of the sound is measured in quality.py.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from emodal_data.audio_features.waveform import Floats, as_float
from emodal_data.core.errors import Dropped, InputError
from emodal_data.core.reasons import Reason
from emodal_data.core.sizes import RATE_HZ

Statistics = Literal["mean_std", "delta_mean"]
Backend = Literal["numpy", "pyaudioanalysis"]

#: Raised whenever a value may change; part of every key under which features are stored.
FEATURES_VERSION = 2

#: The 34 short-term features, in pyAudioAnalysis's order.
SHORT_TERM_NAMES: tuple[str, ...] = (
    "zcr",
    "energy",
    "energy_entropy",
    "spectral_centroid",
    "spectral_spread",
    "spectral_entropy",
    "spectral_flux",
    "spectral_rolloff",
    *(f"mfcc_{i}" for i in range(1, 14)),
    *(f"chroma_{i}" for i in range(1, 13)),
    "chroma_std",
)

#: The columns of with_deltas: the 34 features, and the change of each since the previous frame.
FRAME_NAMES: tuple[str, ...] = (*SHORT_TERM_NAMES, *(f"delta {name}" for name in SHORT_TERM_NAMES))

_EPS = float(np.finfo(np.float64).eps)
_TINY = float(np.finfo(np.float64).tiny)  # replaces a divisor of zero
_BLOCKS = 10
_ROLLOFF = 0.90
_MFCCS = 13
# Frames computed together: 3.6 s of sound at the default step, so that a long clip needs no more memory.
_TOGETHER = 144
_KEPT_BYTES = 1 << 24


def feature_names(statistics: Statistics = "mean_std") -> tuple[str, ...]:
    """The 68 names in the order of clip_features, in pyAudioAnalysis's spelling."""
    means = tuple(f"{name}_mean" for name in SHORT_TERM_NAMES)
    if statistics == "delta_mean":
        return means + tuple(f"delta {name}_mean" for name in SHORT_TERM_NAMES)
    return means + tuple(f"{name}_std" for name in SHORT_TERM_NAMES)


#: The names of the default statistics.
FEATURE_NAMES: tuple[str, ...] = feature_names()


def clip_features(
    signal: npt.ArrayLike,
    rate_hz: int = RATE_HZ,
    window_s: float = 0.050,
    step_s: float = 0.025,
    statistics: Statistics = "mean_std",
    backend: Backend = "numpy",
) -> Floats:
    """The 68 features of one clip.

    signal: (n,) int16, or float in [-1, 1]. Returns (68,) float64, named by feature_names(statistics).
    "mean_std": mean and population deviation of the 34 short-term features over the clip's frames.
    "delta_mean": mean of the 34, and mean of their frame-to-frame differences.
    The tail that does not fill a window is left out. Equal to pyAudioAnalysis within 1e-9 * max(1, |ref|).
    Raises InputError for another shape, type, rate, window or name; Dropped for less than one window or for NaN.
    """
    return summarised(short_term_features(signal, rate_hz, window_s, step_s, backend), statistics)


def summarised(frames: Floats, statistics: Statistics = "mean_std") -> Floats:
    """The 68 features of a clip, (68,), from its short-term features, (frames, 34). Errors as clip_features."""
    if statistics not in get_args(Statistics):
        raise InputError(f"statistics {statistics!r}: choose from {get_args(Statistics)}")
    if statistics == "delta_mean":
        # The first delta is 0, the others telescope.
        return np.concatenate([frames.mean(axis=0), (frames[-1] - frames[0]) / len(frames)])
    return np.concatenate(_mean_and_deviation(frames))


def with_deltas(frames: Floats) -> Floats:
    """Short-term features, (frames, 34), with their change since the previous frame (0 in the first), (frames, 68).

    These are the 68 rows of pyAudioAnalysis's feature_extraction with deltas, named by FRAME_NAMES.
    """
    return np.concatenate([frames, np.diff(frames, axis=0, prepend=frames[:1])], axis=1)


def short_term_features(
    signal: npt.ArrayLike,
    rate_hz: int = RATE_HZ,
    window_s: float = 0.050,
    step_s: float = 0.025,
    backend: Backend = "numpy",
) -> Floats:
    """The short-term features of every frame, (frames, 34) float64; arguments and errors as clip_features.

    Formulas: pyAudioAnalysis 0.3.14, ShortTermFeatures.feature_extraction. Where it compares values (sign changes,
    roll-off), the same operations run in the same order here, so that ties are resolved in the same way.
    """
    if backend not in get_args(Backend):
        raise InputError(f"backend {backend!r}: choose from {get_args(Backend)}")
    if backend == "pyaudioanalysis":
        return _package_short_term(signal, rate_hz, window_s, step_s)
    window, step = _frame_samples(rate_hz, window_s, step_s)
    tables = _tables(rate_hz, window)
    wave = _normalised(_usable(signal, rate_hz, window))
    frames = _overlapping(wave, window, step)
    features = np.empty((len(frames), len(SHORT_TERM_NAMES)))
    features[:, 0] = _sign_changes(wave, window, step) / (window - 1)
    for first in range(0, len(frames), _TOGETHER):
        # The flux needs the previous frame, so a block begins with the last frame of the previous block.
        back = min(first, 1)
        block = frames[first - back : first + _TOGETHER]
        features[first : first + _TOGETHER, 1:] = _block_features(block, tables)[back:]
    return features


def _block_features(frames: Floats, tables: "_Tables") -> Floats:
    """All features but the first of consecutive frames, (frames, 33).

    Amplitudes stay unscaled, `bins` times those of the package, which saves a division for every bin. Values that are
    not ratios of amplitudes, and every epsilon, are scaled instead.
    """
    count, bins = len(frames), frames.shape[1] // 2
    spectra = np.abs(np.fft.rfft(frames, axis=1))
    amplitudes = spectra[:, :bins]
    blocks, energies = np.empty((2, count, _BLOCKS)), np.zeros((2, count))
    for kind, values in enumerate((frames, amplitudes)):
        in_blocks, rest = _in_blocks(values)
        np.vecdot(in_blocks, in_blocks, out=blocks[kind])
        np.vecdot(rest, rest, out=energies[kind])
    energies += np.add.reduce(blocks, axis=2)
    total, first_moment, second_moment = (amplitudes @ tables.moments).T
    features = np.empty((count, len(SHORT_TERM_NAMES) - 1))
    np.divide(energies[0], frames.shape[1], out=features[:, 0])
    features[:, 1], features[:, 4] = _entropies(blocks, energies + tables.epsilons)
    features[:, 2], features[:, 3] = _centroid_and_spread(amplitudes, total, first_moment, second_moment)
    features[:, 5] = _flux(amplitudes, total, energies[1])
    features[:, 6] = _rolloff(amplitudes, blocks[1], energies[1])
    mel = amplitudes[:, : len(tables.mel)] @ tables.mel
    mel += _EPS
    np.matmul(np.log10(mel, out=mel), tables.cosines, out=features[:, 7 : 7 + _MFCCS])
    chroma = features[:, 7 + _MFCCS : -1]
    np.matmul(np.square(spectra.take(tables.chroma_bins, axis=1)), tables.chroma, out=chroma)
    chroma /= np.maximum(energies[1], _TINY)[:, None]
    features[:, -1] = _mean_and_deviation(chroma.T)[1]
    return features


def _frame_samples(rate_hz: int, window_s: float, step_s: float) -> tuple[int, int]:
    """Window and step in samples, rounded as pyAudioAnalysis's own callers round them."""
    window, step = round(rate_hz * window_s), round(rate_hz * step_s)
    if step < 1:
        raise InputError(f"audio.step_s = {step_s}: less than one sample at {rate_hz} Hz; raise it")
    if window < 2:
        raise InputError(f"audio.window_s = {window_s}: less than two samples at {rate_hz} Hz; raise it")
    return window, step


def _usable(signal: npt.ArrayLike, rate_hz: int, window: int) -> Floats:
    """The signal as float64, at least one window long."""
    wave = as_float(signal)
    if len(wave) < window:
        seconds = len(wave) / rate_hz
        raise Dropped(Reason.AUDIO_TOO_SHORT, f"{seconds:.3f} s is less than one window", seconds)
    return wave


def _normalised(wave: Floats) -> Floats:
    """The signal with mean 0 and peak 1, changed in place. Raises Dropped if a sample is not finite."""
    mean = np.add.reduce(wave) / len(wave)
    # A sum is finite only if all its terms are, and costs a tenth of testing each of them.
    bad = 0 if np.isfinite(mean) else int(np.count_nonzero(~np.isfinite(wave)))
    if bad:
        raise Dropped(Reason.AUDIO_NOT_FINITE, f"{bad} of {len(wave)} samples are not numbers", float(bad))
    wave -= mean
    wave /= max(np.maximum.reduce(wave), -np.minimum.reduce(wave)) + 1e-10
    return wave


def _overlapping(values: npt.NDArray[Any], window: int, step: int) -> npt.NDArray[Any]:
    """All whole windows, (frames, window), as a view; sliding_window_view would cost as much as a feature."""
    count, size = (len(values) - window) // step + 1, values.itemsize
    return np.ndarray((count, window), values.dtype, buffer=values, strides=(step * size, size))


def _sign_changes(wave: Floats, window: int, step: int) -> Floats:
    """Zero crossings of every frame. A crossing through an exact zero counts as two halves."""
    signs = (wave > 0).view(np.int8) - (wave < 0).view(np.int8)
    # Small integers are exact in float32, and a product with ones is the fastest way to sum overlapping rows.
    changes = np.abs(signs[1:] - signs[:-1]).astype(np.float32)
    ones = np.ones(window - 1, np.float32)
    crossings: Floats = np.vecdot(_overlapping(changes, window - 1, step), ones) / np.float64(2.0)
    return crossings


def _in_blocks(rows: Floats) -> tuple[Floats, Floats]:
    """10 contiguous blocks of every row, (rows, 10, samples), and the remainder after the tenth; both are views."""
    length = rows.shape[1] // _BLOCKS
    end = length * _BLOCKS
    return rows[:, :end].reshape(len(rows), _BLOCKS, length), rows[:, end:]


def _entropies(blocks: Floats, energies: Floats) -> Floats:
    """Entropy in bits of the blocks' shares, (..., 10) and (...). The energy includes the remainder."""
    shares = blocks / energies[..., None]
    entropies: Floats = -np.vecdot(shares, np.log2(shares + _EPS))
    return entropies


def _centroid_and_spread(
    amplitudes: Floats, total: Floats, first: Floats, second: Floats
) -> tuple[Floats, Floats]:
    """Centroid and spread of every frame as shares of the Nyquist frequency, from its moments; silence gives 0."""
    divisor = np.maximum(total, _TINY)
    centroid = first / divisor
    variance = second / divisor - centroid * centroid
    # The difference has an error of about 1e-15. Where that matters (a pure tone has no spread), compute it exactly.
    narrow = (variance < 1e-8).nonzero()[0]
    if len(narrow):
        away = _positions(amplitudes.shape[1]) - centroid[narrow, None]
        variance[narrow] = np.vecdot(away * away, amplitudes[narrow]) / divisor[narrow]
    return centroid, np.sqrt(variance)


def _flux(amplitudes: Floats, total: Floats, power: Floats) -> Floats:
    """Squared distance of each frame's normalised spectrum to the one before; 0 for the first."""
    flux = np.zeros(len(total))
    sums = total + amplitudes.shape[1] ** 2 * _EPS
    length = power / (sums * sums)
    # |a - b|^2 = |a|^2 + |b|^2 - 2 ab, which rounding may make negative.
    product = np.vecdot(amplitudes[1:], amplitudes[:-1]) / (sums[1:] * sums[:-1])
    np.maximum(length[1:] + length[:-1] - 2 * product, 0.0, out=flux[1:])
    return flux


def _rolloff(amplitudes: Floats, blocks: Floats, total: Floats) -> Floats:
    """Share of the bins below 90 % of the power: the first whose running sum exceeds it, as bin / bins.

    The bin is found among the sums of the 10 blocks, then within one block. Where a sum is so near that rounding
    decides (silence, the flat spectrum of an impulse), all bins are added one after the other, as the package does.
    """
    rows, bins = np.arange(len(total)), amplitudes.shape[1]
    length, epsilon = bins // _BLOCKS, bins**2 * _EPS
    threshold = _ROLLOFF * total - epsilon
    running = np.add.accumulate(blocks, axis=1)
    block = (running <= threshold[:, None]).argmin(axis=1)  # the first beyond it; 0 where none is
    inside = np.square(_in_blocks(amplitudes)[0][rows, block])
    above = np.add.accumulate(inside, axis=1)
    above += (running[rows, block] - blocks[rows, block] - threshold)[:, None]
    first = block * length + (above > 0).argmax(axis=1)
    near = np.minimum.reduce(np.abs(above), axis=1) <= 1e-9 * (total + epsilon)
    for row in (near | (running[:, -1] <= threshold)).nonzero()[0]:
        power = (amplitudes[row] / bins) ** 2
        # argmax finds the first True, and gives 0 if there is none, as the package does.
        first[row] = (np.cumsum(power) + _EPS > _ROLLOFF * power.sum()).argmax()
    rolloff: Floats = first / bins
    return rolloff


def _mean_and_deviation(values: Floats) -> tuple[Floats, Floats]:
    """Mean and population deviation along the first axis: as numpy computes them, without its general checks."""
    mean = np.add.reduce(values, axis=0) / len(values)
    away = values - mean
    away *= away
    return mean, np.sqrt(np.add.reduce(away, axis=0) / len(values))


def _positions(bins: int) -> Floats:
    """The frequency of each bin as a share of the Nyquist frequency; as in the package, the first is 1 / bins."""
    positions: Floats = np.arange(1, bins + 1) / bins
    return positions


@dataclass(frozen=True)
class _Tables:
    moments: Floats
    mel: Floats
    chroma_bins: npt.NDArray[np.intp]
    chroma: Floats
    cosines: Floats
    epsilons: Floats


@lru_cache(maxsize=16)
def _tables(rate_hz: int, window: int) -> _Tables:
    """Everything that depends only on rate and window."""
    # glibc returns freed memory to the system above a limit that grows with the largest block freed so far. This
    # block raises the limit. Without it, the pages of a clip's arrays are mapped again for every clip: half the time.
    np.empty(_KEPT_BYTES, dtype=np.uint8)
    bins = window // 2
    positions, chroma = _positions(bins), _chroma_matrix(rate_hz, bins)
    chroma_bins = np.flatnonzero(chroma.any(axis=1))
    return _Tables(
        moments=np.stack([np.ones(bins), positions, positions * positions], axis=1),
        mel=_mel_triangles(rate_hz, bins) / bins,
        chroma_bins=chroma_bins,
        chroma=chroma[chroma_bins],
        cosines=_dct_matrix(bands=40),
        epsilons=np.array([[_EPS], [bins**2 * _EPS]]),
    )


def _mel_triangles(rate_hz: int, bins: int) -> Floats:
    """(bins, 40) weights: 13 linear and 27 logarithmic triangles of unit area (scikits.talkbox).

    The package spaces its bins rate / bins apart, twice the real distance: the bank covers 80-3420 Hz, not 160-6840.
    """
    linear = 133.33 + np.arange(13) * (200 / 3)
    edges_hz = np.concatenate([linear, linear[-1] * 1.0711703 ** np.arange(1, 30)])
    if rate_hz <= edges_hz[-1]:
        raise InputError(f"{rate_hz} Hz: speech features need more than {edges_hz[-1]:.0f} Hz; resample")
    matrix = np.zeros((bins, 40))
    bin_hz = np.arange(bins) / (1.0 * bins) * rate_hz
    edge_bins = np.floor(edges_hz * bins / rate_hz).astype(int) + 1
    for band in range(40):
        low_hz, peak_hz, high_hz = edges_hz[band : band + 3]
        low, peak, high = edge_bins[band : band + 3]
        height = 2.0 / (high_hz - low_hz)
        matrix[low:peak, band] = height / (peak_hz - low_hz) * (bin_hz[low:peak] - low_hz)
        matrix[peak:high, band] = height / (high_hz - peak_hz) * (high_hz - bin_hz[peak:high])
    return matrix[: edge_bins[-1]]


def _chroma_matrix(rate_hz: int, bins: int) -> Floats:
    """(bins, 12) weights from power to chroma.

    The package scatters bins to semitones above 27.5 Hz: the last bin of a semitone overwrites the others,
    semitones below zero wrap to the end, and the divisor is indexed by semitone instead of by bin.
    """
    semitone = np.round(12.0 * np.log2((np.arange(bins) + 1) * rate_hz / (2 * bins) / 27.50)).astype(int)
    if semitone.max() >= bins:
        raise InputError(
            f"a window of {2 * bins} samples at {rate_hz} Hz is too short for chroma: raise audio.window_s"
        )
    _, inverse, counts = np.unique(semitone, return_inverse=True, return_counts=True)
    members = counts[inverse]
    matrix = np.zeros((bins, 12))
    winners = {int(place) % bins: source for source, place in enumerate(semitone)}
    for place, source in winners.items():
        matrix[source, place % 12] = 1.0 / members[semitone[place]]
    return matrix


def _dct_matrix(bands: int) -> Floats:
    """(bands, 13): the first 13 rows of the orthonormal DCT-II, transposed."""
    k, n = np.arange(_MFCCS), np.arange(bands)[:, None]
    matrix: Floats = np.sqrt(2.0 / bands) * np.cos(np.pi * (n + 0.5) * k / bands)
    matrix[:, 0] = np.sqrt(1.0 / bands)
    return matrix


def _package_short_term(signal: npt.ArrayLike, rate_hz: int, window_s: float, step_s: float) -> Floats:
    """The short-term features by the package itself, after the same checks."""
    # Imported here, because the import takes seconds and loads matplotlib.
    from pyAudioAnalysis import ShortTermFeatures

    window, step = _frame_samples(rate_hz, window_s, step_s)
    _tables(rate_hz, window)  # raises InputError for values with which the package would fail
    wave = _usable(signal, rate_hz, window) * 32768.0
    matrix, _ = ShortTermFeatures.feature_extraction(wave, rate_hz, window, step, deltas=False)
    return np.ascontiguousarray(np.asarray(matrix, dtype=np.float64).T)
