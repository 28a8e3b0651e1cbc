"""`zskt beliefs`: transition curves of a student and its teacher (Algorithm 2 of the paper)."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from zskt.devices import resolve, settled
from zskt.jobs import arguments as arg
from zskt.jobs.result import Result
from zskt.measure.beliefs.settings import Measurement
from zskt.teachers.options import TeacherOptions

if TYPE_CHECKING:
    from zskt.data import Split
    from zskt.devices import Where
    from zskt.measure.beliefs.curves import Curves, TransitionError
    from zskt.measure.beliefs.sampling import Sampled
    from zskt.measure.contenders import Contender

SINGLE_IMAGES = 4
"""Whose curves are drawn one by one."""


@dataclass
class Beliefs(Result):
    """What two networks believe while images are stepped across decision boundaries."""

    curves: Curves
    error: TransitionError
    row: dict[str, Any]
    """The line of the result."""
    few: str | None
    """What is to be known where the networks agree on fewer images than were asked for."""
    folder: Path
    seconds: float


@arg.job
def beliefs(
    *,
    student: arg.NetworkLike,
    teacher: arg.TeacherLike,
    options: Annotated[TeacherOptions, arg.OfTeacher] = TeacherOptions(),
    data: arg.Data,
    out: arg.RunDir,
    measurement: Annotated[Measurement, arg.Flat] = Measurement(),
    split: Literal["train", "test"] = "test",
    device: arg.Device = "auto",
    precision: arg.Precision = "auto",
    data_dir: arg.DataDir = Path("data"),
    overwrite: arg.Overwrite = False,
    results: arg.Results = None,
    progress: arg.Progress = True,
) -> Beliefs:
    """Measure how alike student and teacher are across decision boundaries.

    Args:
        student: A run folder or a model file.
        teacher: Whatever `zskt distill` takes.
        options: What the teacher does not tell.
        measurement: What to measure.
        split: Whose images are stepped.

    Returns:
        Both networks' curves, the mean transition error and the folder with curves.npz,
        beliefs.png, single.png and result.json.

    Raises:
        UserError: if the networks or the data cannot be read, or they do not fit each other.
    """
    start = time.monotonic()
    options.check(teacher)
    where = resolve(device, precision)

    from zskt.jobs.loading import name_of, new_run
    from zskt.measure.accuracy import agreement
    from zskt.measure.beliefs.curves import mean_transition_error
    from zskt.measure.beliefs.sampling import sample_agreed
    from zskt.results import write_result
    from zskt.runs.folder import RunFolder

    RunFolder(out).check("beliefs", overwrite=overwrite)
    pair, part = pair_of(student, teacher, options, data, data_dir, split, where)
    logits = {role: each.predict(part) for role, each in pair.items()}
    sampled = sample_agreed(
        logits["student"], logits["teacher"], part.labels,
        images=measurement.images, relative_to=measurement.relative_to, seed=measurement.seed,
    )  # fmt: skip
    settings: dict[str, Any] = {"student": name_of(student), "teacher": name_of(teacher)}
    settings |= {"data": name_of(data), "teacher_options": options.plain(), "split": split}
    settings |= {"device": where.name, "precision": where.precision, **asdict(measurement)}
    RunFolder(out).make()
    curves = curves_of(pair, part, sampled, measurement, where, progress=progress)
    error = mean_transition_error(curves)
    # Only now: curves from before are kept if these cannot be made.
    folder = new_run(out, "beliefs", settings, where, overwrite=overwrite)
    _write_curves(out, part, sampled, by_role(curves, measurement), str(error), measurement)
    row = {
        "pair": f"{pair['teacher'].name} to {pair['student'].name}",
        "data": name_of(data), **errors_of(curves), "images": len(sampled.index),
        "steps": measurement.steps, "step_size": measurement.step_size,
        "agreement": agreement(logits["student"], logits["teacher"]),
    }  # fmt: skip
    seconds = time.monotonic() - start
    write_result(
        folder.result_file, results, seeds=[measurement.seed], settings=settings, seconds=seconds,
        rows=[row], device=where.name,
    )  # fmt: skip
    count, few = len(sampled.index), None
    if count < measurement.images:
        few = f"The networks agree on {count} of {len(part)} images; all {count} are used."
    return Beliefs(curves, error, row, few, out, seconds)


def pair_of(
    student: arg.NetworkLike,
    teacher: arg.TeacherLike,
    options: TeacherOptions,
    data: arg.DataLike,
    data_dir: Path,
    split: str,
    where: Where,
) -> tuple[dict[str, Contender], Split]:
    """Student and teacher on the device, and the images they are compared on.

    Raises:
        UserError: if the data cannot be read, or they do not fit each other.
    """
    import torch

    from zskt.jobs.loading import contender_of, data_of, student_of
    from zskt.measure.contenders import check_fits, check_same_classes, in_classes_of

    taught = options.load(teacher)
    learnt = student_of(student, taught.card, options)
    check_same_classes(taught.card, learnt.card)
    images = in_classes_of(data_of(data, data_dir), taught.card)
    part = images.train if split == "train" else images.test
    contenders = {}
    for role, network in {"student": learnt, "teacher": taught}.items():
        check_fits(part, network.card)
        name = network.card.architecture or network.source
        contenders[role] = contender_of(name, network, taught.card, where)
        contenders[role].network.to(memory_format=torch.channels_last)
    return contenders, part


def curves_of(
    pair: Mapping[str, Contender],
    part: Split,
    sampled: Sampled,
    measurement: Measurement,
    where: Where,
    *,
    progress: bool,
) -> Curves:
    """Step the images, in the normalisation of the network that is stepped on."""
    from zskt.images import Translated
    from zskt.measure.beliefs.curves import transition_curves
    from zskt.progress import ProgressLine

    stepped, other = (pair[role] for role in roles(measurement))
    looks_on = other.network
    if other.normalisation != stepped.normalisation:
        looks_on = Translated(looks_on, other.normalisation, stepped.normalisation)
    total = sampled.targets.numel() * measurement.steps
    with settled(where), ProgressLine("steps", total, shown=progress) as line:
        return transition_curves(
            stepped.network,
            looks_on,
            stepped.normalisation.normalised(part.images[sampled.index]),
            sampled.targets,
            steps=measurement.steps,
            step_size=measurement.step_size,
            batch_size=measurement.batch_size,
            autocast=where.autocast,
            progress=line.advance,
        )


def errors_of(curves: Curves) -> dict[str, float | None]:
    """The mean transition error with its standard error."""
    from zskt.measure.beliefs.curves import mean_transition_error

    error = mean_transition_error(curves)
    return {"mean_transition_error": error.mean, "standard_error": error.standard_error}


def roles(measurement: Measurement) -> tuple[str, str]:
    """Who is stepped on, and who looks on."""
    on_student = measurement.step_on == "student"
    return ("student", "teacher") if on_student else ("teacher", "student")


def by_role(curves: Curves, measurement: Measurement) -> dict[str, Any]:
    """The curves of the student and of the teacher."""
    return dict(zip(roles(measurement), (curves.stepped, curves.other), strict=True))


def _write_curves(
    out: Path,
    part: Split,
    sampled: Sampled,
    curves: Mapping[str, Any],
    title: str,
    measurement: Measurement,
) -> None:
    """Write curves.npz and two pictures."""
    import numpy as np

    from zskt.files import write_atomically
    from zskt.reports.beliefs import mean_curves, single_curves
    from zskt.reports.style import house_style, save_figure
    from zskt.runs.folder import CURVES

    arrays = {role: of.float().numpy() for role, of in curves.items()}
    arrays |= {name: of.numpy() for name, of in vars(sampled).items()}
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    write_atomically(out / CURVES, packed.getvalue())
    shown = measurement.shown_steps
    with house_style():
        save_figure(out / "beliefs.png", mean_curves(curves, title, shown))
        images = part.images[sampled.index[:SINGLE_IMAGES]]
        save_figure(out / "single.png", single_curves(curves, images, sampled.start, shown))
