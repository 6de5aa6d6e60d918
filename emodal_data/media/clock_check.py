"""Finds films whose parts have a clock each, and single time stamps that are damaged."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason

#: A clock that goes forward by more than this has jumped; FFmpeg's own threshold for broadcasts.
JUMP_S = 10.0
#: A clock may go back by this much: parts joined with care overlap by the delay of their encoders.
BACK_S = 0.5
#: So many packets in a row may have damaged stamps if the clock goes on after them as before.
_DAMAGED_PACKETS = 5


@dataclass(frozen=True, eq=False)
class PacketTimes:
    """Packets of picture and sound in file order.

    decoded_s: (n,) when each is due in its decoder; shown_s: when the frame is shown; NaN if unknown.
    is_picture, is_keyframe: of the picture.
    """

    decoded_s: NDArray[np.float64]
    shown_s: NDArray[np.float64]
    is_picture: NDArray[np.bool_]
    is_keyframe: NDArray[np.bool_]


def check_ticks(shown: NDArray[np.int64]) -> None:
    """Raise Dropped(FRAME_UNCERTAIN) if pictures that are not stored in the order of display have too few ticks.

    Nothing then says in which order those are shown that share a tick. shown: (n,) when each is shown, in ticks, in
    file order.
    """
    if (np.diff(shown) < 0).any() and len(shown) > int(np.ptp(shown)) + 1:
        what = "the clock of the picture has fewer ticks than frames"
        raise Dropped(Reason.FRAME_UNCERTAIN, f"{what}: some share a time stamp, and their order is not sure")


def check_clock(
    times: PacketTimes, is_listed: bool, can_jump: bool, has_dts: bool = True
) -> NDArray[np.bool_]:
    """Raise Dropped(CLOCK_DISCONTINUOUS) if a film has more than one clock; else say which stamps are damaged: (n,).

    is_listed: of a film whose packets are looked up in a table: damaged stamps can be left out, and parts may overlap.
    can_jump: whether a jump forward is a join; elsewhere it is a gap. has_dts: whether the container says when pictures
    are decoded; FFmpeg's guesses go back where the rate of pictures varies.
    """
    damaged = np.zeros(len(times.decoded_s), bool)
    if is_listed:
        damaged |= np.abs(times.shown_s - times.decoded_s) > JUMP_S
    for is_picture in (True, False) if has_dts else (False,):
        of_stream = np.flatnonzero((times.is_picture == is_picture) & ~damaged & ~np.isnan(times.decoded_s))
        name = "picture" if is_picture else "sound"
        damaged[of_stream[_check_stream(times.decoded_s[of_stream], name, is_listed)]] = True
    if can_jump:
        _check_jumps(times.decoded_s[~damaged & ~np.isnan(times.decoded_s)])
    pictures = np.flatnonzero(times.is_picture & ~damaged & ~np.isnan(times.shown_s))
    _check_keyframes(times.shown_s[pictures], times.is_keyframe[pictures], BACK_S if is_listed else 0.0)
    return damaged


def _check_stream(clock_s: NDArray[np.float64], name: str, is_listed: bool) -> NDArray[np.bool_]:
    """Which stamps of one stream are damaged. Raises Dropped(CLOCK_DISCONTINUOUS) if its clock goes back for good."""
    damaged = np.zeros(len(clock_s), bool)
    steps_s = np.diff(clock_s)
    reached = -1  # index of the last packet that is part of a damaged run
    for k in (np.flatnonzero((steps_s < -BACK_S) | (steps_s > JUMP_S)) + 1).tolist():
        if k <= reached:
            continue
        run = _damaged_run(clock_s, k) if is_listed else None
        if run is not None:
            damaged[run.start : run.stop] = True
            reached = run.stop
        elif steps_s[k - 1] < 0:
            raise Dropped(
                Reason.CLOCK_DISCONTINUOUS,
                f"the time stamps of the {name} go back from {clock_s[k - 1]:.3f} to {clock_s[k]:.3f} s",
                float(clock_s[k]),
            )
    return damaged


def _damaged_run(clock_s: NDArray[np.float64], k: int) -> range | None:
    """The packets around a step to packet k without which the clock goes on; None if it does not go on."""
    for count in range(1, _DAMAGED_PACKETS + 1):
        if k + count < len(clock_s) and -BACK_S <= clock_s[k + count] - clock_s[k - 1] <= JUMP_S:
            return range(k, k + count)
        if k - 1 - count >= 0 and -BACK_S <= clock_s[k] - clock_s[k - 1 - count] <= JUMP_S:
            return range(k - count, k)
    return None


def _check_jumps(clock_s: NDArray[np.float64]) -> None:
    reached_s = np.maximum.accumulate(clock_s)
    jumps = np.flatnonzero(clock_s[1:] - reached_s[:-1] > JUMP_S)
    if len(jumps):
        before_s, after_s = reached_s[jumps[0]], clock_s[jumps[0] + 1]
        raise Dropped(
            Reason.CLOCK_DISCONTINUOUS,
            f"the time stamps jump from {before_s:.3f} to {after_s:.3f} s",
            float(after_s),
        )


def _check_keyframes(shown_s: NDArray[np.float64], is_keyframe: NDArray[np.bool_], overlap_s: float) -> None:
    """Nothing that is stored before a keyframe is shown after it."""
    latest_s = np.maximum.accumulate(shown_s)
    back = np.flatnonzero(is_keyframe[1:] & (latest_s[:-1] - shown_s[1:] > overlap_s))
    if len(back):
        before_s, after_s = latest_s[back[0]], shown_s[back[0] + 1]
        raise Dropped(
            Reason.CLOCK_DISCONTINUOUS,
            f"the time stamps of the picture go back from {before_s:.3f} to {after_s:.3f} s",
            float(after_s),
        )
