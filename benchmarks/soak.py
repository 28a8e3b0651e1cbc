"""A long run of a tiny game: does it hold more memory or more open files the longer it goes on?

    uv run python benchmarks/soak.py --out results/soak.json

Networks of a few hundred parameters and images of 8x8 pixels make rounds so short that a hundred
thousand of them fit into minutes. All that a run does besides them is done as often as in any run
of that many rounds: rows are recorded, images drawn, checkpoints written over one another. So what
a round or a row leaves behind shows here as it would in a run of weeks. Ctrl-C ends it early, and
what was seen until then is written. Linux alone is asked.
"""

import argparse
import os
import resource
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

import zskt
from zskt.distillation.stopping import Stopped
from zskt.methods.replay import Replay
from zskt.results import write_result

SIZE, CLASSES = (1, 8, 8), 4
SAMPLES = 200
SHOWN = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Shares of the run of which the table has a row."""


class Tiny(nn.Sequential):
    """A convolution with batch norm, and a linear layer."""

    def __init__(self, width: int):
        super().__init__(
            nn.Conv2d(SIZE[0], width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width),
            nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, CLASSES),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Watched(Replay):
    """Our method, with a look at the process now and then."""

    every: int = 1
    """Rounds between two looks."""
    samples: list[dict[str, Any]] = field(default_factory=list)
    """What was seen."""

    def rounds(self, session: Any) -> Iterator[Any]:
        """As the method's."""
        for number, played in enumerate(super().rounds(session), start=1):
            if number % self.every == 0:
                self.samples.append({"round": number, **held()})
            yield played


def held() -> dict[str, Any]:
    """What this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "resident_mb": round(pages * resource.getpagesize() / 1e6, 1),
        "open_files": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
    }


def slope(samples: Sequence[dict[str, Any]], name: str) -> float:
    """Growth in a thousand rounds, by least squares over the second half of the run."""
    late = samples[len(samples) // 2 :]
    rounds, values = (
        torch.tensor([each[key] for each in late], dtype=torch.float64) for key in ("round", name)
    )
    centred = rounds - rounds.mean()
    return float((centred * (values - values.mean())).sum() / (centred**2).sum()) * 1000


def soaked(rounds: int, save_seconds: float, out: Path) -> list[dict[str, Any]]:
    """Play, and look."""
    torch.manual_seed(0)
    teacher = zskt.load_teacher(Tiny(8), input_size=SIZE, mean=(0.5,), std=(0.25,))
    watched = Watched(
        batch_size=8, image_batch_size=8, generator_width=4, generator_steps=1, replays=1,
        memory=1000, every=max(1, rounds // SAMPLES),
    )  # fmt: skip
    run = zskt.Run(rounds=rounds, precision="32", device="cpu", save_seconds=save_seconds)
    with suppress(Stopped):
        zskt.distill(teacher, Tiny(4), method=watched, run=run, out=out, progress=False)
    return watched.samples


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100_000)
    parser.add_argument("--save-seconds", type=float, default=10.0)
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Play, print and write."""
    asked = arguments(words)
    torch.set_num_threads(1)
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        samples = soaked(asked.rounds, asked.save_seconds, Path(folder) / "run")
    last = len(samples) - 1
    rows = [samples[round(share * last)] for share in SHOWN]
    growth = {
        f"{name}_per_1000_rounds": round(slope(samples, name), 6)
        for name in ("resident_mb", "open_files", "threads")
    }
    for row in rows:
        print(row)
    print(growth)
    if asked.out:
        settings = {
            "rounds": rows[-1]["round"],
            "save_seconds": asked.save_seconds,
            "samples": samples,
        }
        write_result(
            asked.out, seeds=[0], settings={**settings, **growth}, rows=rows, device="cpu",
            seconds=time.monotonic() - start,
        )  # fmt: skip


if __name__ == "__main__":
    main()
