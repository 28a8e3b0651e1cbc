"""`zskt train`: a classifier from labelled images, many or few, alone or with a teacher."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from zskt.devices import resolve
from zskt.errors import UserError
from zskt.jobs import arguments as arg
from zskt.jobs.result import Result
from zskt.supervised.recipe import KnowledgeDistillation, Recipe
from zskt.teachers.options import TeacherOptions, Words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from zskt.data import ImageData
    from zskt.devices import Where
    from zskt.model_file import Card
    from zskt.runs.folder import RunFolder
    from zskt.supervised.losses import SupervisedLoss
    from zskt.teachers.teacher import Teacher


@dataclass
class Trained(Result):
    """A network that was trained on labelled images."""

    network: nn.Module
    """As it was stored, in eval mode, on the CPU."""
    card: Card
    file: Path
    test_accuracy: float
    """Of the stored network, 0 to 1."""
    row: dict[str, Any]
    """The line of the result."""
    seconds: float
    length: str
    """In words."""


@arg.job
def train(
    network: str,
    *,
    data: arg.Data,
    out: arg.RunDir,
    recipe: Annotated[Recipe, arg.OfRecipe] = Recipe(),
    network_arg: Words = (),
    per_class: int | None = None,
    distill_from: arg.TeacherLike | None = None,
    options: Annotated[TeacherOptions, arg.OfTeacher] = TeacherOptions(),
    guidance: Annotated[KnowledgeDistillation, arg.OfGuidance] = KnowledgeDistillation(),
    device: arg.Device = "auto",
    precision: arg.Precision = "auto",
    init: Path | None = None,
    half: bool = False,
    data_dir: arg.DataDir = Path("data"),
    overwrite: arg.Overwrite = False,
    results: arg.Results = None,
    progress: arg.Progress = True,
) -> Trained:
    """Train a network on labelled images: a teacher, or a student with many or few.

    Args:
        network: A name that `zskt list` shows.
        recipe: How to train.
        network_arg: Arguments, name=value, for the network's factory or library.
        per_class: Learn only so many images of each class, drawn by the seed; by default all.
        distill_from: A teacher to learn from too, by knowledge distillation and attention transfer;
            whatever `zskt distill` takes.
        options: What that teacher does not tell.
        guidance: How the teacher helps.
        init: A model file or run folder whose weights to start from, for a further cycle.
        half: Store the weights in 16 bits.

    Returns:
        The network with its accuracy on the test split.

    Raises:
        UserError: for wrong arguments, data or files, and for a loss that is no longer finite.
    """
    start = time.monotonic()
    told = guidance, replace(options, allow_code=False)
    if distill_from is None and told != (KnowledgeDistillation(), TeacherOptions()):
        raise UserError("what is said of a teacher needs a teacher; give `distill_from` TEACHER")
    options.check(distill_from)
    where = resolve(device, precision)

    from zskt.data import balanced_subset
    from zskt.jobs.loading import data_of, keep_apart, name_of, new_run
    from zskt.measure.accuracy import accuracy, predict
    from zskt.model_file import Card, load, write_network
    from zskt.networks.factory import parsed
    from zskt.reports.finish import finish
    from zskt.results import write_result
    from zskt.runs.folder import MODEL
    from zskt.supervised.loop import epochs

    keep_apart(out, init, distill_from, options.weights)
    images = data_of(data, data_dir)
    few = None if per_class is None else balanced_subset(images.train, per_class, recipe.seed)
    arguments = parsed(network_arg)
    model = _made(network, images, arguments, recipe.seed, init).to(where.device)
    settings: dict[str, Any] = {"network": network, "data": name_of(data), "half": half}
    settings |= {"init": name_of(init), "distill_from": name_of(distill_from)}
    settings |= {"per_class": per_class, "device": where.name, "precision": where.precision}
    settings |= {**asdict(recipe), "network_arguments": arguments}
    loss_of = None
    if distill_from is not None:
        images, loss_of = _taught(options.load(distill_from), images, model, guidance, where)
        settings |= {**asdict(guidance), "teacher_options": options.plain()}
    folder = new_run(out, "train", settings, where, overwrite=overwrite)
    losses = epochs(model, images, recipe, where, few=few, loss_of=loss_of)
    _learn(model, images, losses, recipe, folder, start, progress)
    card = Card(
        architecture=network, arguments=arguments or None, input_size=images.input_size,
        classes=images.classes, mean=images.mean, std=images.std, class_names=images.class_names,
    )  # fmt: skip
    file = out / MODEL
    write_network(file, model, card, half=half)
    # What is judged is what was stored, at the precision it was stored in.
    stored = load(file, allow_code=True).to(where.device)
    share = accuracy(predict(stored, images.test, images.normalisation), images.test.labels)
    row = {"network": network, "test_accuracy": share, "file_bytes": file.stat().st_size}
    seconds, length = time.monotonic() - start, _length(recipe)
    write_result(
        folder.result_file, results, seeds=[recipe.seed], settings=settings, seconds=seconds,
        rows=[row], device=where.name,
    )  # fmt: skip
    finish(out)
    return Trained(stored.cpu(), card, file, share, row, seconds, length)


def _length(recipe: Recipe) -> str:
    """In words."""
    return f"{recipe.steps} batches" if recipe.steps else f"{recipe.epochs} epochs"


def _made(
    name: str, images: ImageData, arguments: dict[str, Any], seed: int, init: Path | None
) -> nn.Module:
    """The network as it starts."""
    import torch

    from zskt.model_file import load_weights
    from zskt.networks import create
    from zskt.networks.compatibility import check_learns, count_logits

    torch.manual_seed(seed)
    size = images.input_size
    network = create(name, classes=images.classes, input_size=size, arguments=arguments)
    if init is not None:
        load_weights(init, network)
    count_logits(name, network, size)
    check_learns(network, size)
    return network.to(memory_format=torch.channels_last)


def _taught(
    teacher: Teacher,
    images: ImageData,
    student: nn.Module,
    guidance: KnowledgeDistillation,
    where: Where,
) -> tuple[ImageData, SupervisedLoss]:
    """The data in the teacher's normalisation, and the loss of a student that learns from it."""
    import torch

    from zskt.measure.contenders import check_fits
    from zskt.supervised.losses import with_teacher

    check_fits(images.test, teacher.card)
    normalisation = teacher.card.known_normalisation()
    if teacher.card.classes != images.classes:
        raise UserError(
            f"the teacher has {teacher.card.classes} classes and the data {images.classes}; "
            "give data with the same classes"
        )
    network = teacher.network.requires_grad_(False).to(where.device)
    network = network.to(memory_format=torch.channels_last)
    loss_of = with_teacher(guidance, network, student, images.input_size, where)
    return replace(images, mean=normalisation.mean, std=normalisation.std), loss_of


def _learn(
    model: nn.Module,
    images: ImageData,
    losses: Iterator[float],
    recipe: Recipe,
    folder: RunFolder,
    start: float,
    progress: bool,
) -> None:
    """Train, with a row for each epoch."""
    from zskt.measure.accuracy import accuracy, predict
    from zskt.progress import ProgressLine

    with ProgressLine("epochs", recipe.told_epochs, shown=progress) as line:
        for number, loss in enumerate(losses, start=1):
            row: dict[str, Any] = {"epoch": number, "loss": loss}
            if number % recipe.evaluate_every == 0:
                logits = predict(model, images.test, images.normalisation)
                row["test_accuracy"] = accuracy(logits, images.test.labels)
            folder.record({**row, "seconds": round(time.monotonic() - start, 1)})
            line.show(row)
            line.advance(number)
