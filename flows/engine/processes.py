"""The worker processes of this process, which read films, write shards and train; and this process's memory.

The process is that of a build, or a Dask worker. Both import this file; it depends on no engine.
"""

import ctypes
import functools
import gc
import os
from multiprocessing.util import Finalize

import pyarrow as pa

from emodal_data.core.worker_pool import WorkerPool
from flows.config.models import Config


def workers(config: Config) -> WorkerPool:
    """The worker processes of this process, started when first asked for.

    With Dask every worker of the cluster has one: a film must not crash the cluster's own process.
    """
    count = 1 if config.engine.kind == "dask" else config.worker_count
    return worker_pool(count, config.clips.memory_mb)


@functools.cache
def worker_pool(workers: int, memory_mb: int) -> WorkerPool:
    """A pool of this process; the same numbers give the same pool."""
    # Dask sets it for its workers, and the worker processes would inherit it. Memory would go back to the system after
    # every array and be requested again, page by page: that costs an eighth of the time to read films, or more.
    os.environ.pop("MALLOC_TRIM_THRESHOLD_", None)
    pool = WorkerPool(workers, memory_mb)
    # A process waits for its children when it ends. Dask kills a worker that waits longer than four seconds.
    Finalize(None, pool.close, exitpriority=1)
    return pool


#: Of glibc's malloc.h. Set, the threshold no longer grows with the arrays that come and go.
_M_MMAP_THRESHOLD, _THRESHOLD_BYTES = -3, 128 * 1024


def settle_memory() -> None:
    """Return freed arrays to the system at once, and exempt what is imported by now from garbage collection.

    Else large arrays leave holes between what is still held: with 100,000 clips a fifth of all. For the same reason
    Arrow uses the system's allocator: its own keeps what tables have freed. C libraries other than glibc are left as
    they are.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_M_MMAP_THRESHOLD, _THRESHOLD_BYTES)
    gc.freeze()  # else the collector scans all modules again and again while a long table is read
