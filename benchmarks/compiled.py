"""The parts of a round eager and compiled by torch, in turn in one process.

    uv run python benchmarks/compiled.py --out results/performance/compiled.json

Compiled code is made in a fresh cache; what making it took is told in processor seconds, children
counted in. Times are those of the processor.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

from cycle import PAIRS, SIZE
from zskt.devices import Where, resolve, settled
from zskt.losses import attention_map, attention_transfer, kl
from zskt.networks import WideResNet
from zskt.results import write_result

Step = Callable[[], None]


def processor_seconds() -> float:
    """Of this process and of its children that have ended."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, whose))


def with_maps(network: WideResNet, images: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Logits and attention maps, without hooks."""
    groups = [network.group1(network.stem(images))]
    groups.append(network.group2(groups[-1]))
    groups.append(network.group3(groups[-1]))
    pooled = torch.relu(network.bn(groups[-1])).mean((2, 3))
    return network.head(pooled), [attention_map(each) for each in groups]


def steps(asked: argparse.Namespace, where: Where) -> dict[str, Callable[[bool], Step]]:
    """Each part of a round as something that makes a step, compiled or not."""
    sizes = ((10, 1), (10, 1)) if asked.tiny else PAIRS[asked.pair]
    teacher, student = (
        WideResNet(*size, classes=10).to(memory_format=torch.channels_last) for size in sizes
    )
    teacher.eval().requires_grad_(False)
    images = torch.randn(asked.batch_size, *SIZE).to(memory_format=torch.channels_last)
    with torch.no_grad(), where.autocast():
        target, maps = with_maps(teacher, images)

    def lesson(images: Tensor) -> Tensor:
        answer, ours = with_maps(student, images)
        return kl(target, answer) + 250 * attention_transfer(maps, ours)

    def made(what: Callable[[Tensor], Tensor], compile_it: bool) -> Callable[[Tensor], Tensor]:
        return torch.compile(what) if compile_it else what

    def answers(compile_it: bool) -> Step:
        network = made(teacher, compile_it)

        def step() -> None:
            with torch.no_grad(), where.autocast():
                network(images)

        return step

    def to_the_image(compile_it: bool) -> Step:
        network = made(teacher, compile_it)

        def step() -> None:
            leaf = images.clone().requires_grad_(True)
            with where.autocast():
                logits = network(leaf)
            logits.float().square().sum().backward()

        return step

    def teaching(compile_it: bool) -> Step:
        loss_of = made(lesson, compile_it)

        def step() -> None:
            student.zero_grad()
            with where.autocast():
                loss = loss_of(images)
            loss.backward()

        return step

    return {
        "teacher's answers": answers,
        "teacher, forwards and back to the image": to_the_image,
        "student's step": teaching,
    }


def race(name: str, make: Callable[[bool], Step], repetitions: int) -> dict[str, Any]:
    """Times of both in turn, and what the first compiled step took."""
    eager, compiled = make(False), make(True)
    eager()
    start = processor_seconds()
    compiled(), compiled()
    begun = processor_seconds() - start
    times: list[tuple[float, float]] = []
    for _ in range(repetitions):
        before = time.process_time()
        eager()
        between = time.process_time()
        compiled()
        times.append((between - before, time.process_time() - between))
    ratios = [plain / made for plain, made in times]
    return {
        "operation": name, "eager_processor_seconds": median(plain for plain, _ in times),
        "compiled_processor_seconds": median(made for _, made in times), "ratio": median(ratios),
        "ratio_min": min(ratios), "ratio_max": max(ratios), "seconds_to_compile": begun,
    }  # fmt: skip


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pair", choices=PAIRS, default=next(iter(PAIRS)))
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--tiny", action="store_true", help="networks of a trial")
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Compile, time, print and write."""
    asked = arguments(words)
    start = time.monotonic()
    where = resolve("cpu")
    torch.manual_seed(0)
    rows = []
    with settled(where), tempfile.TemporaryDirectory() as cache:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
        for name, make in steps(asked, where).items():
            torch.compiler.reset()
            rows.append(race(name, make, asked.repetitions))
            print(rows[-1], flush=True)
    if asked.out:
        settings = {"pair": asked.pair, "batch_size": asked.batch_size}
        settings |= {"precision": where.precision}
        seconds = time.monotonic() - start
        write_result(
            asked.out, seeds=[0], settings=settings, seconds=seconds, rows=rows, device=where.name
        )


if __name__ == "__main__":
    main()
