"""One seed in, one stream of random numbers for each purpose out."""

import zlib


def stream(seed: int, name: str, rank: int = 0) -> int:
    """A seed for one purpose, so that no two purposes draw the same numbers.

    Args:
        seed: of the whole run.
        name: of the purpose.
        rank: of the process; the first process draws what a run of one process draws.
    """
    place = f" {rank}" if rank else ""
    return zlib.crc32(f"{seed} {name}{place}".encode())
