"""One seed in, one stream of random numbers for each purpose out."""

import zlib
from collections.abc import Sequence

from zskt.errors import UserError


def stream(seed: int, name: str, rank: int = 0) -> int:
    """A seed for one purpose, so that no two purposes draw the same numbers.

    Args:
        seed: of the whole run.
        name: of the purpose.
        rank: of the process; the first process draws what a run of one process draws.
    """
    place = f" {rank}" if rank else ""
    return zlib.crc32(f"{seed} {name}{place}".encode())


def check_seeds(seeds: Sequence[int]) -> None:
    """Raise a `UserError` unless each is one that a run can take, and different."""
    if not (seeds and 0 <= min(seeds) <= max(seeds) < 2**63 and len(set(seeds)) == len(seeds)):
        raise UserError("`seeds` must be different numbers of zero or above, below 2**63")
