"""The pairs of the field's tables on a GPU, fifteen minutes each, teachers trained first.

    uv run python benchmarks/headline.py --out results/headline.json
    uv run python benchmarks/headline.py --count

Each pair has a folder below `--runs`; what is there is read, and a run that was cut short goes on,
so the same command can be given again after any interruption. `--count` runs nothing: it counts
the operations of each pair, and what a device must do for the planned images in the time.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

import zskt
from zskt import Replay, Run, TeacherOptions
from zskt.cli.tables import print_table
from zskt.measure.cost import multiply_accumulates
from zskt.networks import create
from zskt.networks.generator import Generator
from zskt.results import write_result
from zskt.runs.folder import RESULT, RunFolder
from zskt.supervised.recipe import Recipe

SIZE = (3, 32, 32)
PLANNED = 8_000_000
"""Student images of a run, about those of the published methods."""


@dataclass(frozen=True)
class Pair:
    """Teacher and student, and the accuracies on both data sets to aim at."""

    teacher: str
    student: str
    aims: tuple[float, float]


PAIRS = (
    Pair("wrn-40-2", "wrn-16-1", (0.91, 0.60)),
    Pair("wrn-40-2", "wrn-40-1", (0.935, 0.69)),
    Pair("wrn-40-2", "wrn-16-2", (0.935, 0.72)),
    Pair("headline:resnet34", "headline:resnet18", (0.954, 0.775)),
)
DATA = {"cifar10": 10, "cifar100": 100}


def resnet34(classes: int = 10) -> nn.Module:
    """A factory, as `zskt train headline:resnet34` takes it."""
    return small_images("timm:resnet34", classes)


def resnet18(classes: int = 10) -> nn.Module:
    """A factory."""
    return small_images("timm:resnet18", classes)


def small_images(name: str, classes: int) -> nn.Module:
    """A ResNet of timm with a first convolution for 32x32, as the field's tables have it."""
    network = create(name, classes=classes, input_size=SIZE)
    network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    network.maxpool = nn.Identity()
    return network


def factory_arguments(name: str, data: str) -> tuple[str, ...]:
    """What a factory has to be told; our networks are told by the data."""
    return (f"classes={DATA[Path(data).stem]}",) if ":" in name else ()


def teacher_of(name: str, data: str, asked: argparse.Namespace) -> Path:
    """The run folder of a teacher, trained if it is not there."""
    folder = asked.runs / f"teacher-{Path(data).stem}-{name}"
    if not (folder / RESULT).is_file():
        recipe = Recipe(epochs=asked.epochs, flips=True, evaluate_every=asked.epochs)
        zskt.train(
            name, data=data, out=folder, recipe=recipe, network_arg=factory_arguments(name, data),
            device=asked.device, overwrite=True,
        )  # fmt: skip
    return folder


def distilled(pair: Pair, data: str, asked: argparse.Namespace) -> dict[str, Any]:
    """The last row of a pair's run, played or gone on with if need be."""
    folder = asked.runs / f"{Path(data).stem}-{pair.teacher}-{pair.student}"
    if not (folder / RESULT).is_file():
        teacher = teacher_of(pair.teacher, data, asked)
        options = TeacherOptions(allow_code=True)
        if RunFolder(folder).checkpoint_file.is_file():
            zskt.distill(resume=folder, options=options, run=Run(device=asked.device))
        else:
            run = Run(minutes=asked.minutes, device=asked.device)
            zskt.distill(
                teacher, pair.student, out=folder, run=run, data=data, overwrite=True,
                options=options, student_arg=factory_arguments(pair.student, data),
            )  # fmt: skip
    row = json.loads((folder / RESULT).read_text())["rows"][-1]
    aim = pair.aims[list(DATA).index(Path(data).stem)]
    about = {"pair": f"{pair.teacher} to {pair.student}", "data": Path(data).stem}
    names = ("student_accuracy", "agreement", "images_made", "images_seen", "seconds")
    return {**about, "aim_accuracy": aim, **{name: row[name] for name in names}}


def counted(pair: Pair, minutes: float) -> dict[str, Any]:
    """Operations of the planned images, two for each multiply-accumulate.

    A student image takes the student three times, forwards and backwards, and the teacher once for
    all of its uses; a step to a made image takes the teacher and the student forwards and back to
    their input, and the generator three times. The generator is counted layer by layer; as it is
    computed, convolutions after an upsampling take 4/9 of that.
    """
    method = Replay()
    teacher, student = (
        multiply_accumulates(create(name, classes=10, input_size=SIZE), SIZE)
        for name in (pair.teacher, pair.student)
    )
    wide = method.generator_width
    drawing = nn.Sequential(*Generator(SIZE, width=wide).stages, Generator(SIZE, width=wide).draw)
    generator = multiply_accumulates(drawing, (wide, SIZE[1] // 4, SIZE[2] // 4))
    taught = PLANNED * (teacher / method.label_uses + 3 * student)
    steps = method.generator_steps * PLANNED / method.replays
    made = steps * (2 * teacher + 2 * student + 3 * generator)
    return {
        "pair": f"{pair.teacher} to {pair.student}",
        "images_seen": PLANNED,
        "pflop_teaching": 2e-15 * taught,
        "pflop_making": 2e-15 * made,
        "tflops_needed": 2e-12 * (taught + made) / (60 * minutes),
    }


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", action="store_true", help="count operations and stop")
    parser.add_argument("--cifar10", default="cifar10", help="as zskt train takes data")
    parser.add_argument("--cifar100", default="cifar100")
    parser.add_argument("--minutes", type=float, default=15.0, help="of each run")
    parser.add_argument("--epochs", type=int, default=60, help="of each teacher")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--runs", type=Path, default=Path("runs/headline"))
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    return parser.parse_args(words)


def main() -> None:
    """Count, or play all and write after each."""
    asked = arguments()
    start = time.monotonic()
    settings = {"minutes": asked.minutes, "epochs": asked.epochs}
    rows: list[dict[str, Any]] = []
    if asked.count:
        rows = [counted(pair, asked.minutes) for pair in PAIRS]
        seconds = time.monotonic() - start
        write_result(
            asked.out, seeds=[0], settings=settings, seconds=seconds, rows=rows, device="cpu"
        )
        print_table(rows)
        return
    for data in (asked.cifar10, asked.cifar100):
        for pair in PAIRS:
            rows.append(distilled(pair, data, asked))
            seconds = time.monotonic() - start
            write_result(
                asked.out, seeds=[0], settings=settings, seconds=seconds, rows=rows,
                device=asked.device,
            )  # fmt: skip
            print_table(rows)


if __name__ == "__main__":
    main()
