"""Reuse of freed memory by glibc; no effect with other C libraries.

By default glibc returns each large block to the system at once, and the next tensor of that size
causes thousands of page faults.
"""

import ctypes
import sys
from functools import cache

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h."""

KEPT_BLOCK = 64 * 2**20
"""Blocks up to this size are kept, bytes."""

KEPT_HEAP = 512 * 2**20
"""Free memory kept at the end of the heap, bytes."""


def keep_freed_memory() -> None:
    """Keep freed blocks for reuse by this process.

    60 frames of 416x240 on one core: training on the clip takes up to 7 % less CPU time and 1 to
    8 % less peak memory; inference is not affected.
    """
    adjust = getattr(_c_library(), "mallopt", None)
    if adjust is not None and adjust(
        MMAP_THRESHOLD, KEPT_BLOCK
    ):  # older versions accept half at most
        adjust(TRIM_THRESHOLD, KEPT_HEAP)


def give_memory_back() -> None:
    """Return freed memory to the system now."""
    trim = getattr(_c_library(), "malloc_trim", None)
    if trim is not None:
        trim(0)


@cache
def _c_library() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform == "linux" else None
