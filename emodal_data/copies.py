"""How many augmented copies each training clip gets; augment.py makes them."""

import numpy as np
import numpy.typing as npt

from emodal_data.config import AugmentConfig
from emodal_data.errors import InputError


def plan_copies(labels: npt.ArrayLike, test_count: int, config: AugmentConfig) -> npt.NDArray[np.int64]:
    """How many augmented copies each training clip gets, (n,) int64.

    labels: (n,) labels of the training clips, in the order of the shards.
    Without target_size there are config.per_clip copies a clip. With it, originals + copies + test_count are
    target_size. They go to all clips alike; with balance to the clips of the rarest classes, until the classes
    are level. No clip gets two copies more than another of its class.
    Raises InputError if there are already more clips than target_size.
    """
    _, places, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    count = len(places)
    target = config.target_size
    wanted = config.per_clip * count if target is None else target - test_count - count
    if wanted < 0:
        raise InputError(
            f"augment.target_size = {target}: there are already {count} training and "
            f"{test_count} test clips; raise it, or leave it out"
        )
    if not config.balance or count == 0:
        return _spread(wanted, count)
    copies = np.empty(count, dtype=np.int64)
    for index, extra in enumerate(_level(counts, wanted)):
        copies[places == index] = _spread(int(extra), int(counts[index]))
    return copies


def _spread(total: int, count: int) -> npt.NDArray[np.int64]:
    """`total` things over `count` places as evenly as whole numbers allow, from first to last."""
    if count == 0:
        return np.empty(0, dtype=np.int64)
    edges = np.arange(count + 1, dtype=np.int64) * total // count
    spread: npt.NDArray[np.int64] = np.diff(edges)
    return spread


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
