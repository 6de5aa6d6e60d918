"""The processes that read films, write shards and train: each may die without harm to the one that waits for it.

They belong to the process of a build, or to a Dask worker; this is imported by both, and knows no engine.
"""

import ctypes
import functools
import gc
import os
from multiprocessing.util import Finalize

from emodal_data.core.worker_pool import WorkerPool
from flows.config.models import Config


def workers(config: Config) -> WorkerPool:
    """The worker processes of this process, started when first asked for.

    With Dask every worker of the cluster keeps one: its own process must not be the one that a film crashes.
    """
    count = 1 if config.engine.kind == "dask" else config.worker_count
    return worker_pool(count, config.clips.memory_mb)


@functools.cache
def worker_pool(workers: int, memory_mb: int) -> WorkerPool:
    """A pool of this process, the same one for the same numbers."""
    # Dask sets it for its workers, and theirs would inherit it: memory goes back to the system after every array, and
    # has to be asked for again, page by page: an eighth of what reading films took, or more.
    os.environ.pop("MALLOC_TRIM_THRESHOLD_", None)
    pool = WorkerPool(workers, memory_mb)
    # A process waits for its children when it ends: Dask kills a worker that does so, after four seconds.
    Finalize(None, pool.close, exitpriority=1)
    return pool


#: Of glibc's malloc.h. Set, the threshold no longer grows with the arrays that come and go.
_M_MMAP_THRESHOLD, _THRESHOLD_BYTES = -3, 128 * 1024


def settle_memory() -> None:
    """From now on freed arrays go back to the system at once, and what is imported by now is not looked through again.

    Else large arrays leave holes between what is still held: with 100,000 clips a fifth of all. For the same reason
    flows/__init__.py chooses Arrow's allocator. C libraries other than glibc are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_M_MMAP_THRESHOLD, _THRESHOLD_BYTES)
    gc.collect()
    gc.freeze()  # the collector went through all modules again and again while a long table was read
