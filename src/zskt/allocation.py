"""Memory that is given back between steps has to be fetched anew, and cleared, at the next one.

The allocator of glibc hands large blocks straight back to the system. A network in training asks
for the same blocks at every step, and each of their pages then costs a fault and a clearing: a
twentieth of the time of a round.
"""

import ctypes
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager

TRIM, MAP = -1, -3
"""M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of <malloc.h>."""
USUAL = {TRIM: 2**26, MAP: 2**25}
"""Bytes; where glibc's own adjustment ends once large blocks were freed."""
NEVER = {TRIM: 2**31 - 1, MAP: 2**31 - 1}
"""Thresholds that nothing reaches."""


@contextmanager
def memory_kept() -> Generator[None]:
    """Within it, freed memory stays with the process; afterwards it goes back to the system.

    Nothing happens where the C library is not glibc.
    """
    set_thresholds(NEVER)
    try:
        yield
    finally:
        set_thresholds(USUAL)
        trim = getattr(_library(), "malloc_trim", None)
        if trim is not None:
            trim(0)


def set_thresholds(sizes: Mapping[int, int]) -> None:
    """From what size on blocks are given back, where the C library is glibc."""
    mallopt = getattr(_library(), "mallopt", None)
    for threshold, size in sizes.items():
        if mallopt is not None:
            mallopt(threshold, size)


def _library() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform == "linux" else None
