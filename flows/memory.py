"""What a long-lived process frees goes back to the system at once, so that it is no larger than what it holds."""

import ctypes

#: Of glibc's malloc.h. Set, the threshold no longer grows with the arrays that come and go.
_M_MMAP_THRESHOLD, _THRESHOLD_BYTES = -3, 128 * 1024


def return_freed_memory() -> None:
    """Have glibc give each freed array back, from now on; other C libraries are left as they are.

    Else large arrays leave holes between what is still held: with 100,000 clips a fifth of all. For the same reason
    flows/__init__.py chooses Arrow's allocator.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(_M_MMAP_THRESHOLD, _THRESHOLD_BYTES)
