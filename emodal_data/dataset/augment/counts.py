"""How many augmented samples each training clip gets; clip.py makes them."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from emodal_data.core.config import AugmentConfig
from emodal_data.core.errors import InputError


def plan_augmentations(
    labels: pd.Series | npt.NDArray[Any] | Sequence[Any],
    films: pd.Series | Sequence[str],
    test_count: int,
    config: AugmentConfig,
) -> npt.NDArray[np.int64]:
    """How many augmented samples each training clip gets, (n,) int64.

    labels, films: (n,) of the training clips, in the order of the shards.
    Without target_size each clip gets config.per_clip. With it, originals, augmented samples and test_count add up to
    target_size. All clips get the same number; with balance the rarest classes get more, until the classes are level.
    No clip gets two more than another of its class. If not all can get one more, films are served one after the other
    in an order that the seed decides, so that an added film changes the clips of few films.
    Raises InputError if there are already more clips than target_size.
    """
    turns = _turns(films, config.seed)
    places = pd.factorize(pd.Series(labels), sort=True)[0][turns]
    count, counts = len(places), np.bincount(places)
    target = config.target_size
    wanted = config.per_clip * count if target is None else target - test_count - count
    if wanted < 0:
        raise InputError(
            f"augment.target_size = {target}: there are already {count} training and "
            f"{test_count} test clips; raise it, or leave it out"
        )
    in_turn = _spread(wanted, count)
    if config.balance and count:
        for index, extra in enumerate(_level(counts, wanted)):
            in_turn[places == index] = _spread(int(extra), int(counts[index]))
    of_clip = np.empty_like(in_turn)
    of_clip[turns] = in_turn
    return of_clip


def _turns(films: pd.Series | Sequence[str], seed: int) -> npt.NDArray[np.int64]:
    """The order in which clips are served: film by film in the order of the seed, in a film from its start."""
    codes, names = pd.factorize(pd.Series(films))
    draws = [hashlib.sha256(f"copies:{seed}:{film}".encode()).digest() for film in names]
    rank = np.argsort(sorted(range(len(draws)), key=draws.__getitem__))
    return np.argsort(rank[codes], kind="stable")


def _spread(total: int, count: int) -> npt.NDArray[np.int64]:
    """`total` things over `count` places as evenly as whole numbers allow; the first get one more."""
    if count == 0:
        return np.empty(0, dtype=np.int64)
    each, more = divmod(total, count)
    return each + (np.arange(count) < more).astype(np.int64)


def _level(counts: npt.NDArray[np.int64], total: int) -> npt.NDArray[np.int64]:
    """`total` things added to piles of these heights, always to the lowest: how many each pile gets."""
    order = np.argsort(counts, kind="stable")
    heights = counts[order]
    # The k lowest piles can be levelled if the things reach to the height of the k-th.
    needed = heights * np.arange(1, len(heights) + 1) - np.cumsum(heights)
    raised = int(np.count_nonzero(needed <= total))
    added = np.zeros_like(heights)
    added[:raised] = heights[raised - 1] - heights[:raised] + _spread(total - int(needed[raised - 1]), raised)
    back = np.empty_like(added)
    back[order] = added
    return back
