"""`zskt compare`: networks beside each other, what they cost and how good they are."""

import time
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from zskt.beliefs.curves import Measurement, mean_transition_error
from zskt.beliefs.starts import draw_starts
from zskt.commands.beliefs import walk
from zskt.commands.table import print_table
from zskt.commands.teacher_options import TeacherOptions
from zskt.comparison import (
    Contender,
    check_fits,
    check_same_classes,
    costs,
    normalised_as,
    qualities,
)
from zskt.data import load_data
from zskt.data.image_data import Split
from zskt.devices import make_fabric
from zskt.errors import UserError
from zskt.evaluation import Normalisation, predict
from zskt.results import write_result
from zskt.teachers import Teacher, load_teacher


def compare_command(
    teacher: str,
    students: Annotated[tuple[str, ...], Parameter(consume_multiple=True)],
    *,
    options: Annotated[TeacherOptions, Parameter(name="*")] = TeacherOptions(),
    data: str | None = None,
    data_dir: Path = Path("data"),
    belief_images: int = 100,
    device: str = "cpu",
    results: Path | None = None,
) -> None:
    """Tell what a teacher and its students cost and, on a test set, how good they are.

    Args:
        teacher: whatever `zskt distill` takes.
        students: run folders or files, ours or of any other form that tells its images.
        options: what the teacher does not tell; students that do not tell their normalisation are
            given the teacher's.
        data: a test set; without it only the costs are told.
        data_dir: where public data sets lie.
        belief_images: how many images the mean transition error is taken over; 0 leaves it out.
        device: where to run, also for the latencies.
        results: a file for the table as JSON.
    """
    start = time.monotonic()
    if not students:
        raise UserError("give a teacher and at least one student")
    if belief_images < 0:
        raise UserError(f"--belief-images must be zero or above, not {belief_images}")
    taught = [options.load(teacher)]
    size = taught[0].card.input_size
    for each in students:
        # TorchScript does not tell the size of its images.
        given = size if Path(each).suffix in (".pt", ".pth", ".ts") else None
        taught.append(load_teacher(each, input_size=given, allow_code=options.allow_code))
    for each in taught[1:]:
        check_same_classes(taught[0].card, each.card)
    test = load_data(data, data_dir).test if data is not None else None
    fabric = make_fabric(device, "32")
    contenders = [_contender(each, taught[0], test) for each in taught]
    for each in contenders:
        each.network.to(fabric.device)
    rows = [costs(each, it.card.input_size) for each, it in zip(contenders, taught, strict=True)]
    if test is not None:
        logits = [predict(each.network, test, each.normalisation) for each in contenders]
        for number, (row, said) in enumerate(zip(rows, logits, strict=True)):
            row |= qualities(said, logits[0], test.labels)
            if number == 0 or belief_images == 0:
                continue
            measurement = Measurement(images=belief_images)
            starts = draw_starts(said, logits[0], test.labels, images=belief_images)
            roles = {"teacher": contenders[0], "student": contenders[number]}
            error = mean_transition_error(walk(roles, test, starts, measurement, fabric))
            row |= {"mean_transition_error": error.mean, "standard_error": error.standard_error}
    print_table([_readable(row) for row in rows])
    settings = {"teacher": teacher, "students": students, **options.plain(), "data": data}
    settings |= {"belief_images": belief_images, "device": device}
    seconds = time.monotonic() - start
    if results is not None:
        write_result(
            None, results, seeds=[0], settings=settings, seconds=seconds, rows=rows, device=device
        )


def _contender(each: Teacher, teacher: Teacher, test: Split | None) -> Contender:
    """A network with what it takes; without a test set nothing is normalised."""
    card = normalised_as(each.card, teacher.card)
    if test is not None:
        check_fits(test, card)
        if card.mean is None:
            raise UserError(f"nothing says how images of {each.source} are normalised; give --mean")
    normalisation = Normalisation(card.mean or (0.0,), card.std or (1.0,))
    return Contender(each.source, each.network, normalisation, each.file)


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    """A row for people: kilobytes, milliseconds, median and 95th percentile in one cell."""
    shown = {"network": Path(row["network"]).name, "parameters": row["parameters"]}
    shown["million macs"] = row["macs"] / 1e6
    shown["kB"] = row["file_bytes"] // 1000 if row["file_bytes"] else None
    for batch in (1, 64):
        middle, slow = row[f"seconds_of_{batch}_p50"], row[f"seconds_of_{batch}_p95"]
        shown[f"ms for {batch} (p50, p95)"] = f"{middle * 1e3:.2f}, {slow * 1e3:.2f}"
    wanted = (
        "accuracy",
        "top_5_accuracy",
        "agreement",
        "calibration_error",
        "mean_transition_error",
    )
    return shown | {name: row.get(name) for name in wanted if name in row}
