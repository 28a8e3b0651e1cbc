"""`zskt compare`: networks beside each other, what they cost and how good they are."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from zskt.devices import resolve
from zskt.errors import UserError
from zskt.jobs import arguments as arg
from zskt.jobs.result import Result
from zskt.measure.beliefs.settings import Measurement
from zskt.teachers.options import TeacherOptions

if TYPE_CHECKING:
    from zskt.data import Split
    from zskt.devices import Where
    from zskt.measure.contenders import Contender


@dataclass
class Comparison(Result):
    """Networks beside each other."""

    rows: list[dict[str, Any]]
    """One for each network, the teacher first: parameters, multiply-accumulates of one image,
    bytes, seconds for 1 and 64 images; with data also shares from 0 to 1 and transition errors."""
    seconds: float


@arg.job
def compare(
    students: Annotated[arg.Networks, arg.Many],
    *,
    teacher: arg.TeacherLike,
    options: Annotated[TeacherOptions, arg.OfTeacher] = TeacherOptions(),
    data: arg.Data | None = None,
    data_dir: arg.DataDir = Path("data"),
    belief_images: int = 100,
    device: arg.Device = "auto",
    results: arg.Results = None,
) -> Comparison:
    """Put networks beside each other: what they cost and, on a test set, how good they are.

    Args:
        students: Run folders or files, ours or of any other form that tells its images. An ONNX
            file, also one of 8 bits, is judged as onnxruntime runs it on the CPU.
        teacher: Whatever `zskt distill` takes.
        options: What the teacher does not tell; students that do not tell their normalisation are
            given the teacher's.
        data: A test set; without it only the costs are told.
        belief_images: How many images the mean transition error is taken over; 0 leaves it out.
        device: Where to run, also for the latencies.

    Raises:
        UserError: if a network or the data cannot be read, or they do not fit each other.
    """
    start = time.monotonic()
    if not students:
        raise UserError("give a teacher and at least one student")
    if belief_images < 0:
        raise UserError(f"`belief_images` must be zero or above, not {belief_images}")
    options.check(teacher)
    where = resolve(device, "32")

    from zskt.jobs.loading import contender_of, data_of, judged_of, name_of
    from zskt.measure.contenders import check_fits, check_same_classes, in_classes_of
    from zskt.measure.cost import costs
    from zskt.results import write_result
    from zskt.teachers.onnx_runtime import is_run

    first = options.load(teacher)
    networks = [first, *(judged_of(each, first.card, options) for each in students)]
    for each in networks[1:]:
        check_same_classes(first.card, each.card)
    # Nothing counts what onnxruntime multiplies, and it gives no gradient to walk along.
    opaque = [is_run(each.network) for each in networks]
    rows = [
        {
            "network": each.source,
            **costs(each.network.to(where.device), each.file, each.card.input_size),
            **({"macs": None} if hidden else {}),
        }
        for each, hidden in zip(networks, opaque, strict=True)
    ]
    if data is not None:
        test = in_classes_of(data_of(data, data_dir), first.card).test
        for each in networks:
            check_fits(test, each.card)
        contenders = [contender_of(each.source, each, first.card, where) for each in networks]
        told = _qualities(contenders, opaque, test, where, belief_images)
        for row, more in zip(rows, told, strict=True):
            row |= more
    comparison = Comparison(rows, time.monotonic() - start)
    if results is not None:
        settings: dict[str, Any] = {"teacher": name_of(teacher)}
        settings |= {"students": [name_of(each) for each in students]}
        settings |= {**options.plain(), "data": name_of(data), "belief_images": belief_images}
        write_result(
            results, seeds=[0], settings={**settings, "device": where.name},
            seconds=comparison.seconds, rows=rows, device=where.name,
        )  # fmt: skip
    return comparison


def _qualities(
    contenders: list[Contender], opaque: list[bool], test: Split, where: Where, belief_images: int
) -> list[dict[str, Any]]:
    """How good each network is beside the first."""
    from zskt.jobs.beliefs import curves_of, errors_of
    from zskt.measure.accuracy import qualities
    from zskt.measure.beliefs.sampling import sample_agreed

    logits = [each.predict(test) for each in contenders]
    rows: list[dict[str, Any]] = []
    for number, contender in enumerate(contenders):
        rows.append(dict(qualities(logits[number], logits[0], test.labels)))
        if number == 0 or opaque[number] or belief_images == 0:
            continue
        measurement = Measurement(images=belief_images)
        sampled = sample_agreed(logits[number], logits[0], test.labels, images=belief_images)
        pair = {"teacher": contenders[0], "student": contender}
        curves = curves_of(pair, test, sampled, measurement, where, progress=False)
        rows[-1] |= errors_of(curves)
    return rows
