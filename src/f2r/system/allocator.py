"""How the C library treats freed memory, where it is glibc; elsewhere nothing happens.

By default it returns every large block to the system at once, and the next intermediate result of
the same size costs thousands of page faults. It keeps smaller ones between others that are in use,
and with large frames that is more than all that is needed.
"""

import ctypes
import sys
from functools import cache

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Numbers of the two options in malloc.h: what is kept at the end of the heap, and from which size
on a block is the system's own, both in bytes."""

LARGEST = 64 * 2**20
"""Blocks up to this size are kept."""

KEEP = 512 * 2**20
"""Of the end of the heap so much is kept."""


def keep_freed_memory() -> None:
    """Let freed blocks be used again by this process.

    For programs, where memory is not scarce: tiles of 4K frames would take half a gigabyte more.
    """
    adjust = getattr(_c_library(), "mallopt", None)
    if adjust is not None and adjust(MMAP_THRESHOLD, LARGEST):  # older ones take half at most
        adjust(TRIM_THRESHOLD, KEEP)


def give_memory_back() -> None:
    """Return what was freed to the system now."""
    trim = getattr(_c_library(), "malloc_trim", None)
    if trim is not None:
        trim(0)


@cache
def _c_library() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform == "linux" else None
