"""`zskt evaluate`: a student beside its teacher on real test images."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from zskt.devices import resolve, settled
from zskt.files import check_writable
from zskt.jobs import arguments as arg
from zskt.jobs.result import Result
from zskt.teachers.options import TeacherOptions

if TYPE_CHECKING:
    from torch import nn

    from zskt.data import ImageData
    from zskt.devices import Where
    from zskt.measure.contenders import Contender
    from zskt.teachers.teacher import Teacher


@dataclass
class Evaluation(Result):
    """Networks on one test split."""

    rows: list[dict[str, Any]]
    """One for each network, the teacher first: accuracy and agreement 0 to 1, parameters, bytes on
    disk, seconds for one image."""
    confusion: list[list[int]]
    """Images by the teacher's predicted class (rows) and the student's (columns)."""
    class_names: tuple[str, ...]
    seconds: float
    pictures: list[Path] = field(default_factory=list)


@arg.job
def evaluate(
    student: arg.NetworkLike,
    *,
    teacher: arg.TeacherLike,
    options: Annotated[TeacherOptions, arg.OfTeacher] = TeacherOptions(),
    data: arg.Data,
    data_dir: arg.DataDir = Path("data"),
    device: arg.Device = "auto",
    results: arg.Results = None,
) -> Evaluation:
    """Judge a student beside its teacher on a test set.

    Args:
        student: A run folder or a model file; in a run folder the result and the pictures are
            left as evaluation.json, confusion.png, curves.png and generated.png.
        teacher: Whatever `zskt distill` takes.
        options: What the teacher does not tell.

    Returns:
        Rows of accuracy, agreement, size and latency, and the confusion of the two.

    Raises:
        UserError: if a file is missing or damaged, or networks and data do not fit each other.
    """
    start = time.monotonic()
    options.check(teacher)
    where = resolve(device, "32")

    from zskt.jobs.loading import data_of, judged_of, name_of
    from zskt.measure.contenders import check_fits, check_same_classes, in_classes_of
    from zskt.model_file import load
    from zskt.runs.folder import AVERAGE, EVALUATION

    taught = options.load(teacher)
    learnt = judged_of(student, taught.card, options)
    images = in_classes_of(data_of(data, data_dir), taught.card)
    for card in (taught.card, learnt.card):
        check_fits(images.test, card)
    check_same_classes(taught.card, learnt.card)
    folder = Path(student) if isinstance(student, str | Path) and Path(student).is_dir() else None
    if folder is not None:
        check_writable(folder / EVALUATION)
    average = folder / AVERAGE if folder else None
    average = average if average and average.is_file() else None
    contenders = contenders_of(
        taught, learnt, load(average, allow_code=options.allow_code) if average else None, average,
        where,
    )  # fmt: skip
    settings = {"student": name_of(student), "teacher": name_of(teacher), "data": name_of(data)}
    names = taught.card.class_names or images.class_names
    return judge(contenders, images, names, settings, where, folder, results, start=start)


def contenders_of(
    teacher: Teacher,
    student: Teacher,
    average: nn.Module | None,
    average_file: Path | None,
    where: Where,
) -> list[Contender]:
    """Teacher, student and, if it was kept, the student's moving average, on the device."""
    from zskt.jobs.loading import contender_of

    card = teacher.card
    name = student.card.architecture or ""
    contenders = [
        contender_of(f"teacher {card.architecture or ''}".rstrip(), teacher, card, where),
        contender_of(f"student {name}".rstrip(), student, card, where),
    ]
    if average is not None:
        kept = replace(student, network=average, file=average_file)
        contenders.append(contender_of(f"moving average {name}".rstrip(), kept, card, where))
    return contenders


def judge(
    contenders: Sequence[Contender],
    images: ImageData,
    class_names: tuple[str, ...],
    settings: dict[str, Any],
    where: Where,
    folder: Path | None,
    results: Path | None,
    *,
    start: float,
) -> Evaluation:
    """Measure networks, the teacher and the student first, and write what was measured.

    A run folder of the student gets the result and the pictures.
    """
    from zskt.measure.contenders import compare
    from zskt.reports.finish import finish
    from zskt.results import write_result
    from zskt.runs.folder import EVALUATION, RunFolder

    with settled(where):
        rows, confused = compare(contenders[0], contenders[1:], images.test)
    seconds = time.monotonic() - start
    settings = {**settings, "device": where.name, "class_names": class_names, "confusion": confused}
    write_result(
        folder / EVALUATION if folder else None, results, seeds=[], settings=settings,
        seconds=seconds, rows=rows, device=where.name,
    )  # fmt: skip
    pictures = finish(folder) if folder is not None and RunFolder(folder).holds_run else []
    return Evaluation(rows, confused, class_names, seconds, pictures)
