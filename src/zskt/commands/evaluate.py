"""`zskt evaluate`: a student beside its teacher on real test images."""

import time
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from zskt.commands.table import print_rows
from zskt.commands.teacher_options import TeacherOptions
from zskt.comparison import (
    Contender,
    check_fits,
    check_same_classes,
    compare,
    normalisation_of,
    normalised_as,
)
from zskt.data import load_data
from zskt.devices import make_fabric
from zskt.model_file import AVERAGE, load, network_file, read_classifier_card
from zskt.pictures.run import draw_run
from zskt.results import write_result
from zskt.training.run_folder import RunFolder


def evaluate_command(
    student: Path,
    *,
    teacher: str,
    options: Annotated[TeacherOptions, Parameter(name="*")] = TeacherOptions(),
    data: str,
    data_dir: Path = Path("data"),
    device: str = "cpu",
    results: Path | None = None,
) -> None:
    """Judge a student beside its teacher on a test set.

    Args:
        student: a run folder or a model file; in a run folder the result and the pictures are
            left as evaluation.json, confusion.png, curves.png and generated.png.
        teacher: whatever `zskt distill` takes.
        options: what the teacher does not tell.
        data: a data set that `zskt list` shows; its test split is used.
        data_dir: where public data sets lie.
        device: where to run, also for the latency.
        results: a further file for the result as JSON.
    """
    start = time.monotonic()
    file = network_file(student)
    taught = options.load(teacher)
    card = normalised_as(read_classifier_card(file), taught.card)
    test = load_data(data, data_dir).test
    for each in (taught.card, card):
        check_fits(test, each)
    check_same_classes(taught.card, card)
    where = make_fabric(device, "32").device
    networks = {
        "teacher": (taught.network, taught.card, taught.file),
        "student": (load(file, allow_code=options.allow_code), card, file),
    }
    average = student / AVERAGE
    if average.is_file():
        networks["moving average"] = load(average, allow_code=options.allow_code), card, average
    contenders = [
        Contender(
            f"{role} {about.architecture or ''}".rstrip(),
            it.to(where),
            normalisation_of(about),
            disk,
        )
        for role, (it, about, disk) in networks.items()
    ]
    rows, confused = compare(contenders[0], contenders[1:], test)
    print_rows(rows)
    settings = {"student": str(student), "teacher": teacher, "data": data, "device": device}
    names = taught.card.class_names or tuple(str(n) for n in range(len(confused)))
    leave(student, results, settings, names, confused, rows, time.monotonic() - start)


def leave(
    student: Path,
    results: Path | None,
    settings: dict[str, Any],
    class_names: tuple[str, ...],
    confused: list[list[int]],
    rows: list[dict[str, Any]],
    seconds: float,
) -> None:
    """Write the result to the student's run folder, with its pictures, and to a further file."""
    write_result(
        student / "evaluation.json" if student.is_dir() else None,
        results,
        seeds=[],
        settings={**settings, "class_names": class_names, "confusion": confused},
        seconds=seconds,
        rows=rows,
    )
    if (student / "settings.json").exists():
        for picture in draw_run(RunFolder(student)):
            print(picture)
