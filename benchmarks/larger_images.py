"""Seconds of a teacher's gradient to its images, by the side of the images.

    uv run python benchmarks/larger_images.py --out results/performance/larger-images.json

A step is one forward pass and one backward pass to the images, the greatest cost of making images.
Each row has a process of its own. Its megabytes are what the first step adds, at its highest, to
what the process holds once the network is made; on a processor they are told under Linux alone.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch

from zskt.allocation import memory_kept
from zskt.devices import resolve, settled
from zskt.distillation.memory import measured_bytes
from zskt.networks import create
from zskt.networks.inference_form import inference_form
from zskt.results import write_result

NETWORKS = ("timm:resnet18", "timm:resnet50")
SIDES = (32, 64, 128, 224)
PEAK_OF_LINUX = Path("/proc/self/clear_refs")
"""Takes a 5 to count the highest memory anew."""


def measured(asked: argparse.Namespace) -> dict[str, Any]:
    """The row of one network and one side, which takes a process of its own."""
    (name,), (side,) = asked.networks, asked.sides
    where = resolve(asked.device)
    size = (3, side, side)
    torch.manual_seed(0)
    with settled(where):
        network = create(name, classes=1000, input_size=size).eval().requires_grad_(False)
        network = network.to(where.device).to(memory_format=torch.channels_last)
        images = torch.randn(asked.batch_size, *size, device=where.device)
        images = images.to(memory_format=torch.channels_last)
        network = inference_form(network, images[:1])
        images.requires_grad_(True)
        times, megabytes = [], None
        held = restarted_peak(where.device)
        for _ in range(asked.repetitions + 1):
            start = time.process_time(), time.perf_counter()
            with where.autocast():
                logits = network(images)
            (gradient,) = torch.autograd.grad(logits.float().square().sum(), images)
            # Reading a number back waits for the device.
            gradient.sum().item()
            times.append((time.process_time() - start[0], time.perf_counter() - start[1]))
            if len(times) == 1 and held is not None:
                megabytes = round((measured_bytes(where.device) - held) / 1e6)
    processor, wall = (median(each) / asked.batch_size for each in zip(*times[1:], strict=True))
    return {
        "network": name, "side": side, "batch_size": asked.batch_size,
        "processor_seconds_per_image": processor, "seconds_per_image": wall,
        "megabytes_of_a_step": megabytes,
    }  # fmt: skip


def restarted_peak(device: torch.device) -> int | None:
    """Bytes held now, while the highest number is counted anew; None where it cannot be."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return torch.cuda.memory_allocated(device)
    if not PEAK_OF_LINUX.exists():
        return None
    with memory_kept():
        # Its end gives free blocks back, which would be filled again and not be seen.
        pass
    PEAK_OF_LINUX.write_text("5")
    return measured_bytes(device)


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--sides", nargs="+", type=int, default=SIDES)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--alone", action="store_true", help="one row, in this process")
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    asked = parser.parse_args(words)
    if asked.alone and (len(asked.networks), len(asked.sides)) != (1, 1):
        parser.error("--alone takes one network and one side")
    return asked


def main(words: Sequence[str] | None = None) -> None:
    """Measure, print and write."""
    asked = arguments(words)
    if asked.alone:
        print(json.dumps(measured(asked)))
        return
    start = time.monotonic()
    rows = []
    for name in asked.networks:
        for side in asked.sides:
            one = [sys.executable, __file__, "--alone", "--networks", name, "--sides", str(side)]
            one += ["--batch-size", str(asked.batch_size), "--repetitions", str(asked.repetitions)]
            done = subprocess.run(
                [*one, "--device", asked.device], check=True, capture_output=True, text=True
            )
            rows.append(json.loads(done.stdout.splitlines()[-1]))
            print(rows[-1], flush=True)
    if asked.out:
        where = resolve(asked.device)
        settings = {"batch_size": asked.batch_size, "precision": where.precision}
        seconds = time.monotonic() - start
        write_result(
            asked.out, seeds=[0], settings=settings, seconds=seconds, rows=rows, device=where.name
        )


if __name__ == "__main__":
    main()
