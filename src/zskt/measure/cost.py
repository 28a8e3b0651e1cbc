"""What networks cost: parameters, multiply-accumulates, bytes on disk, seconds."""

from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import flop_registry

from zskt.model_file import parameters
from zskt.modes import evaluating
from zskt.taps import Operations

LATENCY_RUNS = 30
LATENCY_SECONDS = 5.0
WARM_UP = 5
Size = tuple[int, int, int]
"""Channels, height and width."""


def costs(network: nn.Module, file: Path | None, input_size: Size) -> dict[str, Any]:
    """Parameters, multiply-accumulates, bytes on disk, seconds for 1 and for 64 images."""
    row: dict[str, Any] = {
        "parameters": parameters(network),
        "macs": multiply_accumulates(network, input_size),
        "file_bytes": file.stat().st_size if file else None,
    }
    for batch in (1, 64):
        middle, slow = latencies(network, input_size, batch)
        row |= {f"seconds_of_{batch}_p50": middle, f"seconds_of_{batch}_p95": slow}
    return row


@torch.no_grad()
def multiply_accumulates(network: nn.Module, input_size: Size) -> int:
    """Of convolutions and products for one image, counted as they run; half of the flops."""
    image = _blank(network, input_size, 1)
    counted: list[int] = []

    def count(operation: Any, arguments: Any, named: Any, output: Any) -> None:
        if (rule := flop_registry.get(operation.overloadpacket)) is not None:
            counted.append(rule(*arguments, **named, out_val=output))

    with evaluating(network), Operations(count):
        network(image)
    return sum(counted) // 2


def latency(network: nn.Module, input_size: Size) -> float:
    """Median seconds for one image in eval mode, over 30 runs on the network's own device."""
    return latencies(network, input_size, 1)[0]


@torch.no_grad()
def latencies(network: nn.Module, input_size: Size, batch: int) -> tuple[float, float]:
    """Seconds for one batch in eval mode on the network's own device: median and 95th percentile.

    Over 30 runs, or fewer if they take more than five seconds, after five to warm up.
    """
    images = _blank(network, input_size, batch)
    seconds: list[float] = []
    with evaluating(network):
        while len(seconds) < WARM_UP + 5 or (
            len(seconds) < WARM_UP + LATENCY_RUNS and sum(seconds) < LATENCY_SECONDS
        ):
            start = perf_counter()
            # Reading a value back waits for the device.
            network(images).sum().item()
            seconds.append(perf_counter() - start)
    ordered = sorted(seconds[WARM_UP:])
    return median(ordered), ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]


def _blank(network: nn.Module, input_size: Size, batch: int) -> torch.Tensor:
    """Images on the network's own device, in its dtype."""
    return torch.zeros(batch, *input_size).to(next(network.parameters()))
