"""The rate of a device's largest matrix products: what no network computes faster than."""

import time

import torch

from zskt.devices import Where

SIDE = 2048


def peak_of(where: Where, side: int = SIDE) -> float:
    """Floating-point operations per second of a square matrix product, the best of five.

    A multiplication and an addition count as two. In the precision of `where`.
    """
    dtype = torch.bfloat16 if where.precision == "bf16" else torch.float32
    one, other = (torch.ones(side, side, dtype=dtype, device=where.device) for _ in range(2))
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        # Reading a value back waits for the device.
        (one @ other)[0, 0].item()
        seconds.append(time.perf_counter() - start)
    return 2 * side**3 / min(seconds)
