"""One run on one and on several processes of this machine, measured; on 8 to 512 GPUs, modelled.

    uv run python benchmarks/scaling.py --out results/scaling               # all cores, idle
    uv run python benchmarks/scaling.py --out results/scaling --cores 1     # processes share one

`measured.json`: rounds of our method on one process with all cores, and on several that share
them out, started as `zskt distill --devices N` starts them. Every message between processes is
counted and timed. Beside it stands what the model says of the same case: the round of one process
with as many threads as each has, and the messages, at a latency and a bandwidth measured here.

`counted.json`, `model.json`: the same model on GPUs. Operations, bytes through memory, kernels and
bytes between GPUs are counted here, on small batches, and scaled to whole ones; rates are those of
`GPU`.
"""

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import log2
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import distributed, nn

from zskt.devices import Where, settled
from zskt.distillation.fabric import make_fabric
from zskt.distillation.launch import company, told_by_first
from zskt.distillation.session import Session
from zskt.distillation.trial import counted
from zskt.images import at_once
from zskt.methods.replay import Replay
from zskt.networks import create
from zskt.results import write_result

MEASURED = "wrn-16-2 to wrn-16-1, 32x32"
CASES = {
    MEASURED: ("wrn-16-2", "wrn-16-1", (3, 32, 32), 10),
    "resnet50 to resnet18, 224x224": ("timm:resnet50", "timm:resnet18", (3, 224, 224), 1000),
}
METHOD = Replay()
SHORT = replace(METHOD, batch_size=32, image_batch_size=64, generator_steps=2, replays=4)
"""What is measured: a shorter round with the same messages at each step."""
GPUS = (1, 8, 16, 32, 64, 128, 256, 512)


@dataclass(frozen=True)
class Rates:
    """What a GPU and its connections do, per second; stated, not measured."""

    operations: float = 400e12
    """bf16 operations: 40 % of an H100's 990e12, as large convolutions reach."""
    memory_bytes: float = 2.0e12
    """60 % of an H100's 3.35e12."""
    kernel_seconds: float = 8e-6
    """To start an operation from Python, forwards or backwards."""
    inside_bytes: float = 300e9
    """Between the eight GPUs of a machine, each way: two thirds of NVLink's 450e9."""
    outside_bytes: float = 40e9
    """Of each GPU between machines: 80 % of a 400 Gbit/s card."""
    latency_seconds: float = 10e-6
    """Of a message to one other GPU; a message to all takes this for each doubling of them."""


GPU = Rates()


@dataclass
class Cost:
    """What one process does in a round."""

    operations: float
    memory_bytes: float
    kernels: float
    message_bytes: float
    messages: float
    seen: int


def networks(case: str) -> tuple[nn.Module, nn.Module, tuple[int, int, int], int]:
    """Teacher and student with fresh weights, the images' size and the classes."""
    import timm

    *names, size, classes = CASES[case]
    torch.manual_seed(0)
    made = [
        timm.create_model(name.removeprefix("timm:"), num_classes=classes)
        if name.startswith("timm:")
        else create(name, classes=classes, input_size=size)
        for name in names
    ]
    return made[0], made[1], size, classes


def session_of(case: str, where: Where) -> Session:
    """A session of a case, launched."""
    teacher, student, size, classes = networks(case)
    return Session(
        teacher, student, input_size=size, classes=classes, seed=0, fabric=make_fabric(where),
        tell=lambda sentence: None,
    )  # fmt: skip


class Messages:
    """Counts and times what processes send to all others, while it is open."""

    def __init__(self):
        self.count, self.bytes, self.seconds = 0, 0, 0.0
        self._send = distributed.all_reduce

    def __enter__(self) -> "Messages":
        def send(tensor: torch.Tensor, *given: Any, **named: Any) -> Any:
            start = time.perf_counter()
            answer = self._send(tensor, *given, **named)
            self.seconds += time.perf_counter() - start
            self.count += 1
            self.bytes += tensor.nbytes
            return answer

        setattr(distributed, "all_reduce", send)  # noqa: B010
        return self

    def __exit__(self, *error: object) -> None:
        setattr(distributed, "all_reduce", self._send)  # noqa: B010


def played(where: Where, rounds: int) -> dict[str, Any]:
    """Median wall and processor seconds of a round, and its messages, on this process."""
    with settled(where):
        session = session_of(MEASURED, where)
        method = SHORT.rounds(session)
        next(method)
        wall, processor = [], []
        with Messages() as messages:
            for _ in range(rounds):
                begun, worked = time.perf_counter(), time.process_time()
                last = next(method)
                session.processes.settle((session.student, *session.networks.values()))
                wall.append(time.perf_counter() - begun)
                processor.append(time.process_time() - worked)
        if where.processes > 1:
            wire = latency_and_bandwidth()
            told_by_first()
        else:
            wire = (0.0, 1.0)
    return {
        "seconds": median(wall), "processor_seconds": median(processor), "seen": last.seen,
        "messages": messages.count / rounds, "bytes": messages.bytes / rounds,
        "message_seconds": messages.seconds / rounds, "wire": wire,
    }  # fmt: skip


def latency_and_bandwidth() -> tuple[float, float]:
    """Seconds of a message of one number, and bytes per second of a large one, among processes."""
    taken = {}
    for numbers in (1, 1_000_000):
        tensor, seconds = torch.zeros(numbers), []
        for _ in range(20):
            start = time.perf_counter()
            distributed.all_reduce(tensor)
            seconds.append(time.perf_counter() - start)
        taken[numbers] = median(seconds)
    return taken[1], 4e6 / max(taken[1_000_000] - taken[1], 1e-9)


def measured(cores: int, processes: Sequence[int], rounds: int) -> Iterator[dict[str, Any]]:
    """A row for each number of processes, which share the cores."""
    torch.set_num_threads(cores)
    base = alone = None
    for count in processes:
        where = Where("cpu", "32", devices=count)
        threads = max(1, cores // count)
        torch.set_num_threads(threads)
        alone = played(Where("cpu", "32"), rounds)
        torch.set_num_threads(cores)
        with company(where, played, where, rounds):
            found = played(where, rounds) if count > 1 else alone
        base = base or found
        # Processes that share a core take turns.
        turns = max(1, count // cores)
        latency, rate = found["wire"]
        model = turns * alone["seconds"] + found["messages"] * latency + found["bytes"] / rate
        seen = found["seen"] * count / found["seconds"]
        yield {
            "processes": count,
            "threads_of_each": threads,
            "cores": cores,
            "seconds_of_round": round(found["seconds"], 3),
            "images_per_second": round(seen, 1),
            "of_one_process": round(seen / (base["seen"] / base["seconds"]), 3),
            "processor_seconds_of_round": round(found["processor_seconds"], 3),
            "messages": round(found["messages"]),
            "megabytes_averaged": round(found["bytes"] / 1e6, 3),
            "megabytes_by_model": round(message_cost(SHORT, MEASURED)[0] / 1e6, 3) * (count > 1),
            "seconds_of_model": round(model, 3),
        }


def message_cost(method: Replay, case: str) -> tuple[float, float]:
    """Bytes that a process averages in a round of a method, and in how many messages."""
    session = session_of(case, Where("cpu", "32"))
    next(replace(SHORT, batch_size=2, image_batch_size=2, replays=1).rounds(session))
    sizes = {
        name: sum(each.numel() for each in network.parameters())
        for name, network in {"student": session.student, **session.networks}.items()
    }
    layers = [
        each.num_features for each in session.teacher.modules() if isinstance(each, nn.BatchNorm2d)
    ]
    buffers = [
        each.numel()
        for network in (session.student, *session.networks.values())
        for each in network.buffers()
        if each.is_floating_point()
    ]
    made = at_once(method.image_batch_size, session.input_size)
    steps = max(1, method.replays * made // method.batch_size)
    # Mean and variance of all layers of the teacher's batch norm, forwards and backwards.
    making = method.generator_steps * (sizes["generator"] + 2 * 2 * sum(layers))
    teaching = steps * (sizes["student"] + sizes["projections"])
    messages = method.generator_steps * (1 + 2 * 2) + steps + 1
    return 4.0 * (making + teaching + sum(buffers)), messages


def cost_of(case: str, batch: int) -> Cost:
    """What one GPU does in a round of our method, scaled from a small batch."""
    # One answer of the teacher, whose cost all its uses share.
    uses = METHOD.label_uses
    small = replace(
        METHOD, batch_size=batch, image_batch_size=batch, generator_steps=1, replays=uses
    )
    session = session_of(case, Where("cpu", "32"))
    rounds = small.rounds(session)
    # In the first round the student has nothing to disagree about.
    next(rounds)
    phases = counted(rounds, session)
    made = at_once(METHOD.image_batch_size, session.input_size)
    steps = max(1, METHOD.replays * made // METHOD.batch_size)
    size, messages = message_cost(METHOD, case)

    def whole(name: str) -> float:
        making, teaching = (getattr(phases[phase], name) for phase in ("making", "teaching"))
        teaching /= uses
        if name == "kernels":
            return METHOD.generator_steps * making + steps * teaching
        # In bf16 activations are half as large.
        half = 2 if name == "bytes" else 1
        images = METHOD.generator_steps * making * made + steps * teaching * METHOD.batch_size
        return images / batch / half

    return Cost(
        whole("operations"), whole("bytes"), whole("kernels"), size, messages,
        steps * METHOD.batch_size,
    )  # fmt: skip


def seconds_on(gpus: int, cost: Cost, rates: Rates = GPU) -> tuple[float, float]:
    """Of a round's own work on each GPU, and of its messages; the work hides none of them."""
    work = max(parts_of(cost, rates).values())
    if gpus == 1:
        return work, 0.0
    rate = rates.inside_bytes if gpus <= 8 else rates.outside_bytes
    sent = 2 * (gpus - 1) / gpus * cost.message_bytes / rate
    return work, sent + cost.messages * rates.latency_seconds * log2(gpus)


def parts_of(cost: Cost, rates: Rates = GPU) -> dict[str, float]:
    """Seconds that each part of the work would take alone; the longest is that of all."""
    return {
        "operations": cost.operations / rates.operations,
        "memory": cost.memory_bytes / rates.memory_bytes,
        "kernels": cost.kernels * rates.kernel_seconds,
    }


def bound(case: str, cost: Cost) -> dict[str, Any]:
    """What a round on one GPU is made of."""
    seconds = {f"seconds_of_{name}": round(part, 4) for name, part in parts_of(cost).items()}
    return {
        "pair": case,
        "tera_operations": round(cost.operations / 1e12, 2),
        "gigabytes_through_memory": round(cost.memory_bytes / 1e9, 1),
        "kernels": round(cost.kernels),
        **seconds,
        "messages": round(cost.messages),
        "megabytes_averaged": round(cost.message_bytes / 1e6, 1),
        "images_of_all_steps": cost.seen,
    }


def modelled(case: str, cost: Cost) -> Iterator[dict[str, Any]]:
    """A row for each number of GPUs."""
    for gpus in GPUS:
        work, messages = seconds_on(gpus, cost)
        yield {
            "pair": case,
            "gpus": gpus,
            "images_of_all_steps": cost.seen * gpus,
            "seconds_of_work": round(work, 4),
            "seconds_of_messages": round(messages, 4),
            "images_per_second": round(cost.seen * gpus / (work + messages)),
            "efficiency": round(work / (work + messages), 3),
        }


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="a folder for the results as JSON")
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", choices=("measured", "model"), help="leave the other out")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    return parser.parse_args(words)


def write(
    asked: argparse.Namespace, name: str, settings: dict[str, Any], start: float,
    rows: list[dict[str, Any]],
) -> None:  # fmt: skip
    """Print rows, and leave them where that was asked for."""
    for row in rows:
        print(row, flush=True)
    if asked.out:
        write_result(
            asked.out / f"{name}.json", seeds=[0], settings=settings,
            seconds=time.monotonic() - start, rows=rows, device="cpu",
        )  # fmt: skip


def main() -> None:
    """Measure, model, print and write."""
    asked = arguments()
    for name in ("measured", "model"):
        if asked.only not in (None, name):
            continue
        start, settings = time.monotonic(), {"method": vars(SHORT), "cores": asked.cores}
        if name == "measured":
            rows = list(measured(asked.cores, asked.processes, asked.rounds))
        else:
            settings = {"method": vars(METHOD), "gpu": vars(GPU)}
            costs = {case: cost_of(case, batch=2) for case in asked.cases}
            rows = [row for case, cost in costs.items() for row in modelled(case, cost)]
            write(asked, "counted", settings, start, [bound(*each) for each in costs.items()])
        write(asked, name, settings, start, rows)


if __name__ == "__main__":
    main()
