"""The rate of a device's largest matrix products: what no network computes faster than."""

import time

import torch

from zskt.devices import Where

SIDE = {"cpu": 2048, "cuda": 8192, "mps": 4096}
"""By the kind of device. On a GPU a smaller product takes no longer than to start it."""


def peak_of(where: Where, side: int | None = None) -> float:
    """Floating-point operations per second of a square matrix product, the best of five.

    A multiplication and an addition count as two. In the precision of `where`.
    """
    side = side or SIDE[where.device.type]
    dtype = torch.bfloat16 if where.precision == "bf16" else torch.float32
    one, other = (torch.ones(side, side, dtype=dtype, device=where.device) for _ in range(2))
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        # Reading a value back waits for the device.
        (one @ other)[0, 0].item()
        seconds.append(time.perf_counter() - start)
    return 2 * side**3 / min(seconds)
