"""Where every frame of a sound track lies, from one pass over the whole track.

Made only for tracks whose time stamps do not fit one grid (audio_grid.py): laced Vorbis, chunks that begin within a
frame, capture clocks that jitter, tracks that change their rate. Positions count samples from the start of the film.

The rule: samples follow one another without a gap. A clock of samples runs from the first frame's time stamp. A gap (or
an overlap) is real if the time stamps of the next half second all lie later (or earlier) than that clock by more than
the track's jitter; then the clock goes on from the time stamp. Less than that is rounding, not a hole in the sound.
The jitter is half a frame if all frames have one length, since what is lost is whole frames; else 20 ms, or nothing if
time stamps count samples (MP4; in Ogg FFmpeg adds them up); a quarter of a second in AVI, which has no time stamps.
A frame without a time stamp of its own (in a lace, or within a PES packet) follows the frame before it.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from math import ceil

import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from emodal_data.core.sizes import RATE_HZ
from emodal_data.media.audio_grid import FrameGrid

#: How long all time stamps have to agree on a gap.
_AHEAD_S = 0.5
_JITTER_S = Fraction(1, 50)
#: FFmpeg counts bytes or chunks of AVI, and a frame may begin anywhere in its chunk.
_JITTER_AVI_S = Fraction(1, 4)

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Run:
    """Frames of one rate, one after the other. start, stop: positions at that rate. stop: None for the last run."""

    rate_hz: int
    start: int
    stop: int | None = None


@dataclass(frozen=True, eq=False)
class TrackIndex:
    """The frames of a whole track: pts, position, samples and run of each, and the runs of one rate.

    by_pts: the number of each frame whose time stamp is its own, and no other's.
    """

    pts: Ints
    positions: Ints
    samples: Ints
    run_of: Ints
    runs: tuple[Run, ...]
    by_pts: Mapping[int, int]

    @classmethod
    def of(cls, frames: Iterable[tuple[AudioFrame | None, bool]], grid: FrameGrid) -> "TrackIndex":
        """The index of a track from all its frames, each with whether it has a time stamp of its own."""
        stamps, lengths, rates, owns = array("q"), array("q"), array("q"), array("b")
        for frame, is_own in frames:
            if frame is None or (frame.pts is None and not stamps):
                continue
            stamps.append(frame.pts or 0)
            lengths.append(frame.samples)
            rates.append(frame.sample_rate)
            owns.append(frame.pts is not None and is_own)
        pts, samples = np.array(stamps, np.int64), np.array(lengths, np.int64)
        rate, own = np.array(rates, np.int64), np.array(owns, bool)
        positions = np.zeros(len(pts), np.int64)
        run_of = np.zeros(len(pts), np.int64)
        runs: list[Run] = []
        for first, last in _runs(rate):
            part = slice(first, last)
            here = grid if rate[first] == grid.rate_hz else _at_rate(grid, int(rate[first]))
            start = None
            if runs:
                before = runs[-1]
                stop = int((positions[:first] + samples[:first])[-1])
                runs[-1] = replace(before, stop=stop)
                start = round(Fraction(stop * here.rate_hz, before.rate_hz))
            stamped = np.array([here.stamped(one) for one in pts[part].tolist()], np.int64)
            positions[part] = placed(stamped, samples[part], own[part], here, start)
            run_of[part] = len(runs)
            runs.append(Run(here.rate_hz, int(positions[first])))
        known, counts = np.unique(pts[own], return_counts=True)
        single = set(known[counts == 1].tolist())
        by_pts = {stamp: k for k, stamp in enumerate(pts.tolist()) if own[k] and stamp in single}
        return cls(pts, positions, samples, run_of, tuple(runs), by_pts)

    def parts(self, first: int, last: int) -> Iterator[tuple[Run, int, int]]:
        """16 kHz samples first..last by run: what lies before the first run is its, and so is what follows the last."""
        starts = [0, *(-(-run.start * RATE_HZ // run.rate_hz) for run in self.runs[1:]), last]
        for run, a, b in zip(self.runs, starts, starts[1:], strict=False):
            if max(a, first) < min(b, last):
                yield run, max(a, first), min(b, last)


class IndexPlaces:
    """Places the frames of one reading by the index.

    at_start: the reading begins with the track's first frame. is_torn: frames are not those of the whole track.
    """

    is_torn = False

    def __init__(self, index: TrackIndex, run: Run, at_start: bool) -> None:
        self._index = index
        self._run = run
        self._run_number = index.runs.index(run)
        self._last = -1 if at_start else None

    def place(self, frame: AudioFrame, is_own: bool) -> int | None:
        """Position of the next frame at the rate of the run; None if the frame is not known.

        Frames of other runs lie just outside it.
        """
        index, pts = self._index, frame.pts
        number = None if self._last is None else self._last + 1
        if number == len(index.pts) or (number is not None and is_own and index.pts[number] != pts):
            number = None
        if number is None and is_own and pts is not None:
            number = index.by_pts.get(pts)
        # A decoder that began within a block may give other frames: LPCM of 24 bits in DVDs carries half blocks over.
        if number is not None and index.samples[number] != frame.samples:
            self.is_torn, number = True, None
        self._last = number
        if number is None:
            return None
        run = int(index.run_of[number])
        if run < self._run_number:
            return self._run.start - frame.samples
        return int(index.positions[number]) if run == self._run_number else self._run.stop


def placed(stamped: Ints, samples: Ints, own: NDArray[np.bool_], grid: FrameGrid, start: int | None) -> Ints:
    """(n,) positions of the frames of a run, by the rule above.

    stamped: (n,) samples that the time stamps name. start: where the run before it ends; None for the first run.
    """
    clock = np.cumsum(samples) - samples
    own = own | (np.arange(len(own)) == 0)  # where the run begins, any time stamp is better than none
    off = np.where(own, stamped - clock, 0)
    last_own = np.maximum.accumulate(np.where(own, np.arange(len(own)), 0))
    off = off[last_own]
    ahead = max(1, ceil(_AHEAD_S * grid.rate_hz / max(1.0, float(np.median(samples)))))
    least, most = _least(off, ahead), -_least(-off, ahead)
    shift = int(off[0]) if start is None else start
    positions, at, jitter = clock + shift, 0, _jitter(samples, grid)
    while True:
        broken = (least[at:] - shift > jitter) | (most[at:] - shift < -jitter)
        if not broken.any():
            return positions
        at += int(broken.argmax())
        position = int(clock[at] + (least[at] if least[at] > shift else most[at]))
        snapped = grid.snapped(position)
        shift = (snapped if abs(snapped - position) <= grid.tolerance else position) - int(clock[at])
        positions[at:] = clock[at:] + shift


def _jitter(samples: Ints, grid: FrameGrid) -> int:
    """Samples by which a frame may lie off the clock of its samples without a gap."""
    lengths = samples[1:-1]
    if grid.container == "avi":
        return round(_JITTER_AVI_S * grid.rate_hz)
    if len(lengths) and (lengths == lengths[0]).all():
        return max(int(lengths[0]) // 2, grid.tolerance)
    if grid.tolerance == 0 and grid.container != "ogg":
        return 0
    return max(round(_JITTER_S * grid.rate_hz), grid.tolerance)


def _least(values: Ints, ahead: int) -> Ints:
    """(n,) the least of each value and the next ahead - 1."""
    padded = np.concatenate([values, np.full(ahead - 1, values[-1])])
    least: Ints = np.lib.stride_tricks.sliding_window_view(padded, ahead).min(axis=1)
    return least


def _runs(rates: Ints) -> list[tuple[int, int]]:
    """First and last number (exclusive) of the frames of one rate, in order."""
    edges = [0, *(np.flatnonzero(np.diff(rates)) + 1).tolist(), len(rates)]
    return list(pairwise(edges)) if len(rates) else []


def _at_rate(grid: FrameGrid, rate_hz: int) -> FrameGrid:
    """The grid's clock at another rate; there frames have no known step."""
    tolerance = ceil(grid.clock.tick_s * rate_hz) + 1
    return replace(grid, rate_hz=rate_hz, origin=0, step=1, tolerance=tolerance)
