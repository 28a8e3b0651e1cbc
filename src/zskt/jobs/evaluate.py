"""`zskt evaluate`: a student beside its teacher on real test images."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from zskt.devices import resolve
from zskt.jobs.arguments import Data, DataDir, Device, Flat, NetworkLike, Results, TeacherLike
from zskt.teachers.options import TeacherOptions

if TYPE_CHECKING:
    from zskt.data import ImageData
    from zskt.devices import Where
    from zskt.measure.contenders import Contender


@dataclass
class Evaluation:
    """Networks on one test split."""

    rows: list[dict[str, Any]]
    """One for each network, the teacher first: accuracy and agreement 0 to 1, parameters, bytes on
    disk, seconds for one image."""
    confusion: list[list[int]]
    """Images by the teacher's predicted class (rows) and the student's (columns)."""
    class_names: tuple[str, ...]
    seconds: float
    pictures: list[Path] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "rows": self.rows, "confusion": self.confusion, "class_names": list(self.class_names),
            "seconds": self.seconds,
        }  # fmt: skip


def evaluate(
    student: NetworkLike,
    *,
    teacher: TeacherLike,
    options: Annotated[TeacherOptions, Flat] = TeacherOptions(),
    data: Data,
    data_dir: DataDir = Path("data"),
    device: Device = "auto",
    results: Results = None,
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
    where = resolve(device, "32")

    from zskt.jobs.loading import contender_of, data_of, name_of, student_of
    from zskt.measure.contenders import check_fits, check_same_classes
    from zskt.model_file import load
    from zskt.runs.folder import AVERAGE

    taught = options.load(teacher)
    learnt = student_of(student, taught.card, options)
    images = data_of(data, data_dir)
    for card in (taught.card, learnt.card):
        check_fits(images.test, card)
    check_same_classes(taught.card, learnt.card)
    roles = {"teacher": taught, "student": learnt}
    contenders = [
        contender_of(
            f"{role} {network.card.architecture or ''}".rstrip(), network, taught.card, where
        )
        for role, network in roles.items()
    ]
    folder = Path(student) if isinstance(student, str | Path) and Path(student).is_dir() else None
    if folder is not None and (folder / AVERAGE).is_file():
        average = load(folder / AVERAGE, allow_code=options.allow_code)
        contenders.append(moving_average(average, contenders[1], folder / AVERAGE, where))
    settings = {"student": name_of(student), "teacher": name_of(teacher), "data": name_of(data)}
    names = taught.card.class_names or images.class_names
    return judge(contenders, images, names, settings, where, folder, results, start=start)


def moving_average(network: Any, student: Contender, file: Path | None, where: Where) -> Contender:
    """A student's moving average as a further contender."""
    from zskt.measure.contenders import Contender

    name = student.name.replace("student", "moving average", 1)
    return Contender(name, network, student.normalisation, file).on(where.device)


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

    Args:
        contenders: on the device.
        images: whose test split is looked at.
        class_names: of the teacher.
        settings: for the result.
        where: the device.
        folder: the student's run folder, which gets the result and pictures; None without one.
        results: a further file.
        start: when the work began.
    """
    from zskt.measure.contenders import compare
    from zskt.report.finish import finish
    from zskt.results import write_result
    from zskt.runs.folder import EVALUATION, RunFolder

    rows, confused = compare(contenders[0], contenders[1:], images.test)
    evaluation = Evaluation(rows, confused, class_names, time.monotonic() - start)
    write_result(
        folder / EVALUATION if folder else None, results, seeds=[],
        settings={
            **settings, "device": where.name, "class_names": class_names, "confusion": confused,
        },
        seconds=evaluation.seconds, rows=rows, device=where.name,
    )  # fmt: skip
    if folder is not None and RunFolder(folder).holds_run:
        evaluation.pictures = finish(folder)
    return evaluation
