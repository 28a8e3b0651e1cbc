"""`zskt train`: a classifier from labelled images, many or few, alone or with a teacher."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from zskt.devices import resolve
from zskt.errors import UserError
from zskt.jobs.arguments import (
    Data,
    DataDir,
    Device,
    Flat,
    Overwrite,
    PrecisionOf,
    Progress,
    Results,
    RunDir,
    TeacherLike,
)
from zskt.supervised.recipe import KnowledgeDistillation, Recipe
from zskt.teachers.options import TeacherOptions, Words

if TYPE_CHECKING:
    from torch import nn

    from zskt.data import ImageData, Split
    from zskt.devices import Where
    from zskt.model_file import Card
    from zskt.runs.folder import RunFolder
    from zskt.supervised.losses import SupervisedLoss


@dataclass
class Trained:
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

    def to_dict(self) -> dict[str, Any]:
        """For JSON, without the network."""
        return {**self.row, "file": str(self.file), "seconds": self.seconds}


def train(
    network: str,
    *,
    data: Data,
    out: RunDir,
    recipe: Annotated[Recipe, Flat] = Recipe(),
    network_arg: Words = (),
    per_class: int | None = None,
    distill_from: TeacherLike | None = None,
    options: Annotated[TeacherOptions, Flat] = TeacherOptions(),
    guidance: Annotated[KnowledgeDistillation, Flat] = KnowledgeDistillation(),
    device: Device = "auto",
    precision: PrecisionOf = "auto",
    init: Path | None = None,
    half: bool = False,
    data_dir: DataDir = Path("data"),
    overwrite: Overwrite = False,
    results: Results = None,
    progress: Progress = True,
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
    if distill_from is None and (guidance, options) != (KnowledgeDistillation(), TeacherOptions()):
        raise UserError("`distill`_... settings need a teacher; give `distill_from` TEACHER")
    where = resolve(device, precision)

    from zskt.data import balanced_subset
    from zskt.jobs.loading import data_of, keep_apart, name_of, new_run
    from zskt.networks.factory import parsed

    keep_apart(out, init, distill_from, options.weights)
    images = data_of(data, data_dir)
    few = None if per_class is None else balanced_subset(images.train, per_class, recipe.seed)
    arguments = parsed(network_arg)
    model = _made(network, images, arguments, recipe, init, where)
    loss_of = None
    if distill_from is not None:
        images, loss_of = _taught(options, distill_from, images, model, guidance, where)
    settings: dict[str, Any] = {"network": network, "data": name_of(data), "half": half}
    settings |= {"init": name_of(init), "distill_from": name_of(distill_from)}
    settings |= {"per_class": per_class, "device": where.name, "precision": where.precision}
    settings |= {**asdict(recipe), "network_arguments": arguments}
    if distill_from is not None:
        settings |= {**asdict(guidance), "teacher_options": options.plain()}
    folder = new_run(out, "train", settings, where, overwrite=overwrite)
    _learn(model, images, recipe, where, few, loss_of, folder, start=start, progress=progress)
    trained = _stored(model, network, arguments, images, recipe, where, out, half, start)
    _write(trained, folder, results, recipe, settings, where)
    return trained


def _made(
    network: str,
    images: ImageData,
    arguments: dict[str, Any],
    recipe: Recipe,
    init: Path | None,
    where: Where,
) -> nn.Module:
    """The network as it starts, on the device."""
    import torch

    from zskt.model_file import load_weights
    from zskt.networks import create
    from zskt.networks.compatibility import count_logits

    torch.manual_seed(recipe.seed)
    like = {"classes": images.classes, "input_size": images.input_size}
    model = create(network, **like, arguments=arguments)
    if init is not None:
        load_weights(init, model)
    count_logits(network, model, images.input_size)
    return model.to(where.device).to(memory_format=torch.channels_last)


def _taught(
    options: TeacherOptions,
    source: TeacherLike,
    images: ImageData,
    student: nn.Module,
    guidance: KnowledgeDistillation,
    where: Where,
) -> tuple[ImageData, SupervisedLoss]:
    """The data in the teacher's normalisation, and the loss of a student that learns from it."""
    import torch

    from zskt.jobs.loading import check_data
    from zskt.supervised.losses import with_teacher

    teacher = options.load(source)
    normalisation = check_data(teacher.card, images)
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
    recipe: Recipe,
    where: Where,
    few: Split | None,
    loss_of: SupervisedLoss | None,
    folder: RunFolder,
    *,
    start: float,
    progress: bool,
) -> None:
    """Train, with a row for each epoch."""
    from zskt.measure.accuracy import accuracy, predict
    from zskt.progress import ProgressLine
    from zskt.supervised.loop import epochs

    with ProgressLine("epochs", recipe.told_epochs, shown=progress) as line:
        losses = epochs(model, images, recipe, where, few=few, loss_of=loss_of)
        for number, loss in enumerate(losses, start=1):
            row: dict[str, Any] = {"epoch": number, "loss": loss}
            if number % recipe.evaluate_every == 0:
                logits = predict(model, images.test, images.normalisation)
                row["test_accuracy"] = accuracy(logits, images.test.labels)
            folder.record({**row, "seconds": round(time.monotonic() - start, 1)})
            line.show(row)
            line.advance(number)


def _stored(
    model: nn.Module,
    network: str,
    arguments: dict[str, Any],
    images: ImageData,
    recipe: Recipe,
    where: Where,
    out: Path,
    half: bool,
    start: float,
) -> Trained:
    """Write the network, and judge what was stored, at the precision it was stored in."""
    from zskt.measure.accuracy import accuracy, predict
    from zskt.model_file import Card, load, write_network
    from zskt.runs.folder import MODEL

    card = Card(
        architecture=network, arguments=arguments or None, input_size=images.input_size,
        classes=images.classes, mean=images.mean, std=images.std, class_names=images.class_names,
    )  # fmt: skip
    file = out / MODEL
    write_network(file, model, card, half=half)
    # Its arguments are the user's own, of this very call.
    stored = load(file, allow_code=True).to(where.device)
    share = accuracy(predict(stored, images.test, images.normalisation), images.test.labels)
    row = {"network": network, "test_accuracy": share, "file_bytes": file.stat().st_size}
    length = f"{recipe.steps} batches" if recipe.steps else f"{recipe.epochs} epochs"
    return Trained(stored.cpu(), card, file, share, row, time.monotonic() - start, length)


def _write(
    trained: Trained,
    folder: RunFolder,
    results: Path | None,
    recipe: Recipe,
    settings: dict[str, Any],
    where: Where,
) -> None:
    from zskt.results import write_result

    write_result(
        folder.result_file, results, seeds=[recipe.seed], settings=settings,
        seconds=trained.seconds, rows=[trained.row], device=where.name,
    )  # fmt: skip
