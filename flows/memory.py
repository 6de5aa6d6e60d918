"""How the process of a build, which is long and holds large tables, handles its memory."""

import ctypes
import gc

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
