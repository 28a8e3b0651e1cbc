"""`zskt beliefs`: transition curves of a student and its teacher (Algorithm 2 of the paper)."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from cyclopts import Parameter
from lightning_fabric import Fabric
from torch import Tensor

from zskt.beliefs.curves import Curves, Measurement, mean_transition_error, transition_curves
from zskt.beliefs.folder import RESULT, check_folder, make_folder, write_curves
from zskt.beliefs.starts import Starts, draw_starts
from zskt.commands.teacher_options import TeacherOptions
from zskt.comparison import (
    Contender,
    check_fits,
    check_same_classes,
    normalisation_of,
    normalised_as,
)
from zskt.data import Split, load_data
from zskt.data.batches import normalise
from zskt.devices import Precision, make_fabric, resolve
from zskt.evaluation import Translated, agreement, predict
from zskt.results import write_result
from zskt.teachers import Teacher, load_teacher
from zskt.training.progress import ProgressLine


def beliefs_command(
    *,
    student: Path,
    teacher: str,
    options: Annotated[TeacherOptions, Parameter(name="*")] = TeacherOptions(),
    data: str,
    out: Path,
    measurement: Annotated[Measurement, Parameter(name="*")] = Measurement(),
    split: Literal["train", "test"] = "test",
    device: str = "auto",
    precision: Precision = "auto",
    data_dir: Path = Path("data"),
    overwrite: bool = False,
    results: Path | None = None,
) -> None:
    """Compare what two networks believe while images are stepped across decision boundaries.

    Args:
        student: a run folder or a model file.
        teacher: whatever `zskt distill` takes.
        options: what the teacher does not tell.
        data: a data set that `zskt list` shows.
        out: the folder to write: curves.npz, beliefs.png, single.png, result.json.
        measurement: what to measure.
        split: whose images are stepped.
        device: auto, cpu, cuda, cuda:N or mps.
        precision: bf16 autocast, exact 32, or auto: bf16 where the hardware has it.
        data_dir: where public data sets lie.
        overwrite: replace the curves that are already in the folder.
        results: a further file for the result as JSON.
    """
    start = time.monotonic()
    device, precision = resolve(device, precision)
    check_folder(out, overwrite=overwrite)
    settings: dict[str, Any] = {"student": str(student), "teacher": teacher, "data": data}
    settings |= {"teacher_options": options.plain()}
    settings |= {"split": split, "device": device, "precision": precision, **asdict(measurement)}
    fabric = make_fabric(device, precision)
    pair = {
        "student": load_teacher(student, allow_code=options.allow_code),
        "teacher": options.load(teacher),
    }
    contenders, part = read(pair, data, data_dir, split, fabric)

    said = {role: predict(it.network, part, it.normalisation) for role, it in contenders.items()}
    starts = draw_starts(
        said["student"], said["teacher"], part.labels,
        images=measurement.images, relative_to=measurement.relative_to, seed=measurement.seed,
    )  # fmt: skip
    count = len(starts.index)
    if count < measurement.images:
        print(f"The networks agree on {count} of {len(part)} images; all {count} are used.")
    make_folder(out)
    curves = walk(contenders, part, starts, measurement, fabric)
    error = mean_transition_error(curves)
    of_role = by_role(curves, measurement)
    write_curves(out, part, starts, of_role, str(error), measurement.shown_steps)
    row = {
        "pair": f"{contenders['teacher'].name} to {contenders['student'].name}",
        "data": data,
        "mean_transition_error": error.mean,
        "standard_error": error.standard_error,
        "images": count,
        "steps": measurement.steps,
        "step_size": measurement.step_size,
        "agreement": agreement(said["student"], said["teacher"]),
    }
    seconds = time.monotonic() - start
    write_result(
        out / RESULT, results,
        seeds=[measurement.seed], settings=settings, seconds=seconds, rows=[row], device=device,
    )  # fmt: skip
    what = f"K = {measurement.steps}, xi = {measurement.step_size:g}"
    print(f"{out}: {error}, {what}, {seconds:.0f} s")


def read(
    networks: Mapping[str, Teacher], data: str, data_dir: Path, split: str, fabric: Fabric
) -> tuple[dict[str, Contender], Split]:
    """The networks by role, on the device, and the images they are compared on.

    Raises:
        UserError: if the data cannot be read, or they do not fit each other.
    """
    check_same_classes(networks["teacher"].card, networks["student"].card)
    teacher = networks["teacher"].card
    cards = {role: normalised_as(it.card, teacher) for role, it in networks.items()}
    normalisations = {role: normalisation_of(card) for role, card in cards.items()}
    images = load_data(data, data_dir)
    part = images.train if split == "train" else images.test
    contenders = {}
    for role, it in networks.items():
        check_fits(part, it.card)
        network = fabric.to_device(it.network).to(memory_format=torch.channels_last)
        name = it.card.architecture or it.source
        contenders[role] = Contender(name, network, normalisations[role], it.file)
    return contenders, part


def walk(
    contenders: Mapping[str, Contender],
    part: Split,
    starts: Starts,
    measurement: Measurement,
    fabric: Fabric,
) -> Curves:
    """Step the images, in the normalisation of the network that is stepped on."""
    stepped, other = (contenders[role] for role in roles(measurement))
    looks_on = other.network
    if other.normalisation != stepped.normalisation:
        looks_on = Translated(looks_on, other.normalisation, stepped.normalisation)
    space = stepped.normalisation
    with ProgressLine("steps", starts.targets.numel() * measurement.steps) as line:
        return transition_curves(
            stepped.network,
            looks_on,
            normalise(part.images[starts.index], space.mean, space.std),
            starts.targets,
            steps=measurement.steps,
            step_size=measurement.step_size,
            batch_size=measurement.batch_size,
            autocast=fabric.autocast,
            progress=line.advance,
        )


def roles(measurement: Measurement) -> tuple[str, str]:
    """Who is stepped on, and who looks on."""
    on_student = measurement.step_on == "student"
    return ("student", "teacher") if on_student else ("teacher", "student")


def by_role(curves: Curves, measurement: Measurement) -> dict[str, Tensor]:
    """The curves of the student and of the teacher."""
    return dict(zip(roles(measurement), (curves.stepped, curves.other), strict=True))
