"""`zskt train`: a classifier from labelled images, many or few, alone or with a teacher."""

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import torch
from cyclopts import Parameter
from lightning_fabric import Fabric
from torch import nn

from zskt.commands.teacher_options import TeacherOptions, Words, keep_apart
from zskt.comparison import check_fits, normalisation_of
from zskt.data import ImageData, balanced_subset, load_data
from zskt.devices import Precision, make_fabric, resolve
from zskt.errors import UserError
from zskt.evaluation import Normalisation, accuracy, predict
from zskt.model_file import Card, load, load_weights, write_network
from zskt.networks import create
from zskt.networks.factory import parsed
from zskt.results import command, machine, versions, write_result
from zskt.teachers import Teacher
from zskt.training.compatibility import count_logits
from zskt.training.lessons import Guidance, Lesson
from zskt.training.progress import ProgressLine
from zskt.training.run_folder import RunFolder
from zskt.training.train import Recipe, epochs


def train_command(
    network: str,
    *,
    data: str,
    out: Path,
    recipe: Annotated[Recipe, Parameter(name="*")] = Recipe(),
    network_arg: Words = (),
    per_class: int | None = None,
    distill_from: str | None = None,
    options: Annotated[TeacherOptions, Parameter(name="*")] = TeacherOptions(),
    guidance: Annotated[Guidance, Parameter(name="*")] = Guidance(),
    device: str = "auto",
    precision: Precision = "auto",
    init: Path | None = None,
    half: bool = False,
    data_dir: Path = Path("data"),
    overwrite: bool = False,
    results: Path | None = None,
) -> None:
    """Train a network on labelled images: a teacher, or a student with many or few.

    Args:
        network: a name that `zskt list` shows.
        data: a data set that `zskt list` shows.
        out: the run folder to write; its model.safetensors is what `--teacher` takes.
        recipe: how to train.
        network_arg: arguments, name=value, for the network's factory or library.
        per_class: learn only so many images of each class, drawn by the seed; by default all.
        distill_from: a teacher to learn from too, by knowledge distillation and attention transfer;
            whatever `zskt distill` takes.
        options: what that teacher does not tell.
        guidance: how the teacher helps.
        device: auto, cpu, cuda, cuda:N or mps.
        precision: bf16 autocast, exact 32, or auto: bf16 where the hardware has it.
        init: a model file or run folder whose weights to start from, for a further cycle.
        half: store the weights in 16 bits.
        data_dir: where public data sets lie.
        overwrite: replace a run that is already in the folder.
        results: a further file for the result as JSON.
    """
    start = time.monotonic()
    keep_apart(out, init, Path(distill_from) if distill_from else None, options.weights)
    device, precision = resolve(device, precision)
    fabric = make_fabric(device, precision)
    images = load_data(data, data_dir)
    few = None if per_class is None else balanced_subset(images.train, per_class, recipe.seed)
    torch.manual_seed(recipe.seed)
    arguments = parsed(network_arg)
    like = {"classes": images.classes, "input_size": images.input_size}
    model = create(network, **like, arguments=arguments)
    if init is not None:
        load_weights(init, model)
    count_logits(network, model, images.input_size)
    model = model.to(fabric.device).to(memory_format=torch.channels_last)
    lesson = None
    if distill_from is not None:
        images, lesson = _taught(options.load(distill_from), images, model, guidance, fabric)
    elif guidance != Guidance() or options != TeacherOptions():
        raise UserError("--distill-... settings need a teacher; give --distill-from TEACHER")

    settings: dict[str, Any] = {"network": network, "data": data, "half": half}
    settings |= {"init": _text(init), "distill_from": distill_from, "per_class": per_class}
    settings |= {"device": device, "precision": precision, **asdict(recipe)}
    settings |= {"network_arguments": arguments}
    settings |= {**asdict(guidance), "teacher_options": options.plain()} if distill_from else {}
    folder = RunFolder(out)
    about = {"command": command(), "command_name": "train", "versions": versions()}
    folder.create({**about, "machine": machine(device), **settings}, overwrite=overwrite)

    normalisation = Normalisation(images.mean, images.std)
    with ProgressLine("epochs", recipe.told_epochs) as line:
        losses = epochs(model, images, recipe, fabric, few=few, lesson=lesson)
        for number, loss in enumerate(losses, start=1):
            row = {"epoch": number, "loss": loss}
            if number % recipe.evaluate_every == 0:
                logits = predict(model, images.test, normalisation)
                row["test_accuracy"] = accuracy(logits, images.test.labels)
            folder.record({**row, "seconds": round(time.monotonic() - start, 1)})
            line.show(row)
            line.advance(number)

    card = Card(
        architecture=network,
        arguments=arguments or None,
        input_size=images.input_size,
        classes=images.classes,
        mean=images.mean,
        std=images.std,
        class_names=images.class_names,
    )
    file = out / "model.safetensors"
    write_network(file, model, card, half=half)
    # What is judged is what was stored, at the precision it was stored in.
    final = accuracy(
        predict(load(file, allow_code=True), images.test, normalisation), images.test.labels
    )
    seconds = time.monotonic() - start
    row = {"network": network, "test_accuracy": final, "file_bytes": file.stat().st_size}
    write_result(
        folder.result_file,
        results,
        seeds=[recipe.seed],
        settings=settings,
        seconds=seconds,
        rows=[row],
        device=device,
    )
    length = f"{recipe.steps} batches" if recipe.steps else f"{recipe.epochs} epochs"
    print(f"{file}: test accuracy {final:.2%} after {length}, {seconds:.0f} s")


def _taught(
    teacher: Teacher, images: ImageData, student: nn.Module, guidance: Guidance, fabric: Fabric
) -> tuple[ImageData, Lesson]:
    """The data in the teacher's normalisation, and the loss of a student that learns from it."""
    card = teacher.card
    check_fits(images.test, card)
    if card.classes != images.classes:
        raise UserError(
            f"the teacher has {card.classes} classes and the data {images.classes}; "
            "give data with the same classes"
        )
    normalisation = normalisation_of(card)
    network = teacher.network.requires_grad_(False).to(fabric.device)
    network = network.to(memory_format=torch.channels_last)
    lesson = guidance.lesson(network, student, images.input_size, fabric)
    return replace(images, mean=normalisation.mean, std=normalisation.std), lesson


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
