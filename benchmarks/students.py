"""Do small networks of other makers learn in bf16 as they do in float32?

    uv run python benchmarks/students.py --out results/students-bf16.json

A few rounds of a method with settings that make them short; the teacher knows the digits scans,
enlarged to three channels of 32x32 pixels, or of `--side`. What is asked is not how good the
student becomes but whether its numbers stay finite, and its loss goes down as far in both
precisions.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

import zskt
from zskt.data import ImageData, Split
from zskt.devices import Where
from zskt.errors import DivergedError
from zskt.methods.dafl import DAFL
from zskt.methods.replay import Replay
from zskt.model_file import parameters
from zskt.results import write_result
from zskt.supervised.loop import epochs
from zskt.supervised.recipe import Recipe

STUDENTS = (
    "timm:mobilenetv2_035", "timm:mobilenetv3_small_050", "timm:efficientnet_lite0",
    "torchvision:shufflenet_v2_x0_5", "timm:regnetx_002", "timm:convnext_atto",
)  # fmt: skip
METHODS = {
    "replay": Replay(
        batch_size=32, image_batch_size=32, generator_width=16, generator_steps=2, replays=4
    ),
    "dafl": DAFL(batch_size=16, student_steps=4),
}
"""Ours, which clips gradients, and one that does not."""


def enlarged(side: int) -> ImageData:
    """The digits as colour images of another size."""

    def larger(split: Split) -> Split:
        images = F.interpolate(split.images.float(), (side, side), mode="bilinear")
        return Split(images.round().to(torch.uint8).expand(-1, 3, -1, -1), split.labels)

    data = zskt.load_data("digits")
    spread = {"mean": data.mean * 3, "std": data.std * 3}
    return replace(data, train=larger(data.train), test=larger(data.test), **spread)


def taught(where: Where, steps: int, side: int) -> Any:
    """A teacher that knows them."""
    data, size = enlarged(side), (3, side, side)
    torch.manual_seed(0)
    network = zskt.create("resnet-8", classes=10, input_size=size)
    (loss,) = epochs(network, data, Recipe(steps=steps, batch_size=64, padding=2), where)
    print(f"the teacher's loss is {loss:.3f}", flush=True)
    return zskt.load_teacher(network, input_size=size, mean=data.mean, std=data.std)


def played(
    teacher: Any, name: str, precision: Any, rounds: int, recoveries: int, method: str
) -> dict[str, Any]:
    """What a few rounds show of a student."""
    run = zskt.Run(
        rounds=rounds, device="cpu", precision=precision, record_every=1, recoveries=recoveries
    )
    torch.manual_seed(0)
    student = zskt.create(name, classes=10, input_size=teacher.card.input_size)
    row: dict[str, Any] = {"student": name, "parameters": parameters(student)}
    row["bits"] = 16 if precision == "bf16" else 32
    try:
        result = zskt.distill(teacher, student, method=METHODS[method], run=run, progress=False)
    except DivergedError as error:
        return {**row, "times_broken": recoveries + 1, "ended_by": error.broken}
    losses = [each["student_loss"] for each in result.history]
    few = max(1, rounds // 10)
    row |= {"first_loss": sum(losses[:few]) / few, "last_loss": sum(losses[-few:]) / few}
    return {**row, "times_broken": len(result.recovered)}


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", nargs="+", default=STUDENTS)
    parser.add_argument("--method", choices=METHODS, default="replay")
    parser.add_argument("--recoveries", type=int, default=2)
    parser.add_argument("--side", type=int, default=32, help="of the images")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--teacher-steps", type=int, default=100)
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Play, print and write."""
    asked = arguments(words)
    torch.set_num_threads(1)
    start = time.monotonic()
    teacher = taught(Where("cpu", "32"), asked.teacher_steps, asked.side)
    rows = []
    for name in asked.students:
        for precision in ("bf16", "32"):
            rows.append(
                played(teacher, name, precision, asked.rounds, asked.recoveries, asked.method)
            )
            print(rows[-1], flush=True)
            if asked.out:
                settings = {
                    **asdict(METHODS[asked.method]),
                    "input_size": (3, asked.side, asked.side),
                }
                settings |= {"rounds": asked.rounds, "recoveries": asked.recoveries}
                write_result(
                    asked.out, seeds=[0], settings=settings, rows=rows, device="cpu",
                    seconds=time.monotonic() - start,
                )  # fmt: skip


if __name__ == "__main__":
    main()
