"""Algorithm 2 in batches against one image at a time, in turn in one process.

    uv run python benchmarks/beliefs.py --student S --teacher T --data cifar10 --out FILE

The literal loop is fp32 and contiguous (see tests/reference/literal_beliefs.py) and runs on a few
images and targets; ours runs as `zskt beliefs` does, on more images and all targets. Both are
counted in seconds per (image, target, step). Each pair of chunks gives one ratio; the median is the
figure, the extremes its spread. With networks and data given, ours then runs in float32 on the same
images, to tell by how much the fast precision moves the error; without, weights and images are
random.
"""

import argparse
import copy
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from zskt import TeacherOptions
from zskt.devices import Where, resolve, settled
from zskt.jobs.beliefs import pair_of
from zskt.measure.beliefs.curves import Curves, mean_transition_error, transition_curves
from zskt.measure.beliefs.sampling import other_classes, sample_agreed
from zskt.networks import WideResNet
from zskt.results import write_result

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "reference"))

from literal_beliefs import literal_curves  # ty: ignore[import-not-found]


@dataclass(frozen=True)
class Case:
    """Two networks, and images with the classes that they are stepped towards."""

    pair: str
    student: nn.Module
    teacher: nn.Module
    images: Tensor
    targets: Tensor


def from_files(asked: argparse.Namespace, where: Where) -> Case:
    """Networks and images as `zskt beliefs` takes them."""
    pair, part = pair_of(
        asked.student, asked.teacher, TeacherOptions(), asked.data, asked.data_dir, "test", where
    )
    student, teacher = pair["student"], pair["teacher"]
    assert student.normalisation == teacher.normalisation, "the literal loop knows only one"
    logits = [each.predict(part) for each in (student, teacher)]
    sampled = sample_agreed(*logits, part.labels, images=asked.images)
    fewest = max(asked.chunks, asked.literal_images)
    assert len(sampled.index) >= fewest, "the networks agree on too few images"
    images = student.normalisation.normalised(part.images[sampled.index])
    name = f"{teacher.name} to {student.name}"
    return Case(name, student.network, teacher.network, images, sampled.targets)


def made_up(asked: argparse.Namespace, where: Where) -> Case:
    """The same with random weights and images."""
    torch.manual_seed(0)
    student, teacher = (
        WideResNet(16, width, classes=10).to(where.device).to(memory_format=torch.channels_last)
        for width in (1, 2)
    )
    targets = other_classes(torch.arange(asked.images) % 10, 10)
    images = torch.randn(asked.images, 3, 32, 32)
    return Case("wrn-16-2 to wrn-16-1, random", student, teacher, images, targets)


def ours(case: Case, chosen: Tensor, asked: argparse.Namespace, where: Where) -> Curves:
    """Our curves of the chosen images."""
    with settled(where):
        return transition_curves(
            case.student, case.teacher, case.images[chosen], case.targets[chosen],
            steps=asked.steps, batch_size=asked.batch_size, autocast=where.autocast,
        )  # fmt: skip


def literal_chunks(case: Case, asked: argparse.Namespace, device: torch.device) -> Iterator[int]:
    """Run the literal loop chunk by chunk, yielding how many targets of images each had."""
    plain = (copy.deepcopy(network) for network in (case.student, case.teacher))
    stepped, other = (network.to(memory_format=torch.contiguous_format) for network in plain)
    targets = case.targets[: asked.literal_images, : asked.literal_targets]
    images = case.images[: asked.literal_images].repeat_interleave(targets.shape[1], dim=0)
    alone = (images.contiguous().to(device), targets.reshape(-1, 1).to(device))
    literal_curves(stepped, other, alone[0][:1], alone[1][:1], steps=2)
    yield 0
    for some, towards in zip(*(of.tensor_split(asked.chunks) for of in alone), strict=True):
        literal_curves(stepped, other, some, towards, steps=asked.steps)
        yield len(towards)


def race(case: Case, asked: argparse.Namespace, where: Where) -> tuple[dict[str, Any], Curves]:
    """Times of both loops in turn, and our curves of all images."""
    literal = literal_chunks(case, asked, where.device)
    ours(case, torch.arange(min(8, len(case.images))), asked, where), next(literal)
    times, found = [], []
    for chosen in torch.arange(len(case.images)).tensor_split(asked.chunks):
        before = time.perf_counter()
        targets = next(literal)
        between = time.perf_counter()
        found.append(ours(case, chosen, asked, where))
        mine = (time.perf_counter() - between) / (case.targets[chosen].numel() * asked.steps)
        times.append(((between - before) / (targets * asked.steps), mine))
    ratios = [theirs / mine for theirs, mine in times]
    row = {
        "pair": case.pair,
        "literal_seconds": median(theirs for theirs, _ in times),
        "our_seconds": median(mine for _, mine in times),
        "ratio": round(median(ratios), 2),
        "ratio_min": round(min(ratios), 2),
        "ratio_max": round(max(ratios), 2),
    }
    stepped, other = ([getattr(it, of) for it in found] for of in ("stepped", "other"))
    return row, Curves(torch.cat(stepped), torch.cat(other))


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--student", type=Path, help="a run folder or a model file")
    parser.add_argument("--teacher", type=Path, help="likewise")
    parser.add_argument("--data", help="a data set; without it random weights and images")
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    parser.add_argument("--images", type=int, default=100, help="for ours")
    parser.add_argument("--literal-images", type=int, default=2)
    parser.add_argument("--literal-targets", type=int, default=3)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--chunks", type=int, default=3, help="of each loop, in turn")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    asked = parser.parse_args(words)
    if len({asked.student is None, asked.teacher is None, asked.data is None}) > 1:
        parser.error("give --student, --teacher and --data, or none of them")
    if asked.chunks > min(asked.literal_images * asked.literal_targets, asked.images):
        parser.error("give at most as many --chunks as the literal loop has targets of images")
    return asked


def main(words: Sequence[str] | None = None) -> None:
    """Time, print and write."""
    asked = arguments(words)
    start = time.monotonic()
    where = resolve(asked.device)
    case = from_files(asked, where) if asked.data else made_up(asked, where)
    row, curves = race(case, asked, where)
    row |= {"images": len(case.images), "device": where.name, "precision": where.precision}
    if asked.data:
        exact = ours(case, torch.arange(len(case.images)), asked, resolve(where.name, "32"))
        row["error"] = mean_transition_error(curves).mean
        row["float32_error"] = mean_transition_error(exact).mean
        row["difference"] = row["error"] - row["float32_error"]
    print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    if asked.out:
        settings = {key: str(it) if isinstance(it, Path) else it for key, it in vars(asked).items()}
        settings |= {"device": where.name, "precision": where.precision}
        seconds = time.monotonic() - start
        write_result(
            asked.out, seeds=[0], settings=settings, seconds=seconds, rows=[row], device=where.name
        )


if __name__ == "__main__":
    main()
