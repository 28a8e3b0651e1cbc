"""Memory that is given back between steps has to be fetched anew, and cleared, at the next one.

The allocator of glibc hands large blocks straight back to the system. A network in training asks
for the same blocks at every step, and each of their pages then costs a fault and a clearing: a
twentieth of the time of a round.
"""

import ctypes
import sys
from collections.abc import Generator
from contextlib import contextmanager

TRIM, MAP = -1, -3
"""M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of <malloc.h>."""
USUAL = {TRIM: 2**26, MAP: 2**25}
"""Bytes; where glibc's own adjustment ends once large blocks were freed."""
NEVER = 2**31 - 1
"""A threshold that nothing reaches."""


@contextmanager
def memory_kept() -> Generator[None]:
    """Within it, freed memory stays with the process; afterwards it goes back to the system.

    Nothing happens where the C library is not glibc.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    mallopt, trim = (getattr(library, name, None) for name in ("mallopt", "malloc_trim"))
    if mallopt is None or trim is None:
        yield
        return
    for threshold in (TRIM, MAP):
        mallopt(threshold, NEVER)
    try:
        yield
    finally:
        for threshold, size in USUAL.items():
            mallopt(threshold, size)
        trim(0)
