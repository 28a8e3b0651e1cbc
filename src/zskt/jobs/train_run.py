"""What `zskt.train` does once its arguments are checked.

data, network, teacher      all are looked at before anything is written
train                       supervised/loop.py, from the checkpoint if there is one
store, judge, write         what is judged is what was stored
"""

import time
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import nn

from zskt.data import ImageData, Split, balanced_subset
from zskt.devices import Where, resolve, settled
from zskt.distillation.stopping import Stopped, stop_request
from zskt.errors import UserError
from zskt.jobs.loading import data_of, described, keep_apart, teacher_path
from zskt.jobs.train import Trained
from zskt.jobs.train_task import TrainTask
from zskt.measure.accuracy import accuracy, predict
from zskt.measure.contenders import check_fits
from zskt.model_file import Card, load, load_weights, write_network
from zskt.networks import create
from zskt.networks.compatibility import check_learns, count_logits
from zskt.networks.strides import fitting_strides
from zskt.progress import ProgressLine
from zskt.reports.finish import finish
from zskt.results import write_result
from zskt.runs.folder import MODEL, RunFolder
from zskt.runs.lock import FolderLock
from zskt.supervised.loop import Training
from zskt.supervised.losses import SupervisedLoss, with_teacher
from zskt.teachers.teacher import Teacher


def carry_out(task: TrainTask, *, overwrite: bool, results: Path | None, progress: bool) -> Trained:
    """Make the network, train, store and judge."""
    start = time.monotonic()
    recipe, where = task.recipe, resolve(task.device, task.precision)
    keep_apart(task.out, task.init, task.distill_from, task.options.weights)
    images = data_of(task.data, task.data_dir, download=task.download)
    learnt = images.train
    few = None if task.per_class is None else balanced_subset(learnt, task.per_class, recipe.seed)
    settings = {**task.settings(), "device": where.name, "precision": where.precision}
    settings["data_sha256"] = _digest(learnt)
    if task.trained_on not in (None, settings["data_sha256"]):
        raise UserError(
            f"the training images of {settings['data']} are not those that {task.out} was started "
            "with; give the same `data`"
        )
    network = _made(task, images).to(where.device)
    loss_of = None
    if task.distill_from is not None:
        images, loss_of, told = _taught(task, images, network, where)
        settings |= told
    training = Training(network, images, recipe, where, few=few, loss_of=loss_of)
    folder, lock = RunFolder(task.out), FolderLock(task.out)
    folder.make()
    lock.take()
    try:
        spent = _open(folder, task, training, settings, where, overwrite=overwrite)
        start -= spent
        with fitting_strides(network, images.input_size, where):
            _learn(training, network, images, task, folder, where, start, progress)
        card = Card(
            architecture=task.network, arguments=dict(task.arguments) or None,
            input_size=images.input_size, classes=images.classes, mean=images.mean, std=images.std,
            class_names=images.class_names,
        )  # fmt: skip
        return _ended(task, network, card, images, settings, where, results, start)
    finally:
        lock.release()


def _open(
    folder: RunFolder, task: TrainTask, training: Training, settings: dict[str, Any], where: Where,
    *, overwrite: bool,
) -> float:  # fmt: skip
    """Begin a folder, or go on from what is there; returns the seconds spent before."""
    if not task.resumed:
        folder.create(described("train", settings, where), overwrite=overwrite)
        return 0.0
    state = folder.state()
    if state is None:
        folder.rewind(0)
        return 0.0
    training.load_state_dict(state)
    folder.rewind(training.epoch)
    if not training.over:
        folder.reopen()
    return float(state.get("seconds", 0.0))


def _learn(
    training: Training, network: nn.Module, images: ImageData, task: TrainTask, folder: RunFolder,
    where: Where, start: float, progress: bool,
) -> None:  # fmt: skip
    """Train, with a row for each epoch and a checkpoint now and then.

    Raises:
        Stopped: after Ctrl-C or SIGTERM, at the end of a step, with the state saved.
    """
    saved = time.monotonic()
    line = ProgressLine("epochs", task.recipe.told_epochs, training.epoch, shown=progress)
    with settled(where), line, stop_request() as stop:
        while not training.over:
            if (loss := training.advance()) is not None:
                row: dict[str, Any] = {"epoch": training.epoch, "loss": loss}
                if training.epoch % task.recipe.evaluate_every == 0:
                    logits = predict(network, images.test, images.normalisation)
                    row["test_accuracy"] = accuracy(logits, images.test.labels)
                folder.record({**row, "seconds": round(time.monotonic() - start, 1)})
                line.show(row)
                line.advance(training.epoch)
            if not (training.over or stop.made or time.monotonic() - saved >= task.save_seconds):
                continue
            training.check_finite()
            saved = time.monotonic()
            folder.save_state({"seconds": saved - start, **training.state_dict()})
            if stop.made and not training.over:
                raise Stopped(
                    f"stopped after step {training.step}; its state is saved in {task.out}; go on "
                    f"with zskt train --resume {task.out}"
                )


def _ended(
    task: TrainTask, network: nn.Module, card: Card, images: ImageData, settings: dict[str, Any],
    where: Where, results: Path | None, start: float,
) -> Trained:  # fmt: skip
    """Store the network, judge what was stored, at the precision it was stored in, and write."""
    file, recipe = task.out / MODEL, task.recipe
    write_network(file, network, card, half=task.half)
    stored = load(file, allow_code=True).to(where.device)
    share = accuracy(predict(stored, images.test, images.normalisation), images.test.labels)
    row = {"network": task.network, "test_accuracy": share, "file_bytes": file.stat().st_size}
    seconds = time.monotonic() - start
    write_result(
        RunFolder(task.out).result_file, results, seeds=[recipe.seed], settings=settings,
        seconds=seconds, rows=[row], device=where.name,
    )  # fmt: skip
    finish(task.out)
    length = f"{recipe.steps} batches" if recipe.steps else f"{recipe.epochs} epochs"
    return Trained(stored.cpu(), card, file, share, row, seconds, length)


def _made(task: TrainTask, images: ImageData) -> nn.Module:
    """The network as it starts."""
    torch.manual_seed(task.recipe.seed)
    size = images.input_size
    arguments = dict(task.arguments)
    network = create(task.network, classes=images.classes, input_size=size, arguments=arguments)
    if task.init is not None:
        load_weights(task.init, network)
    count_logits(task.network, network, size)
    check_learns(network, size)
    return network.to(memory_format=torch.channels_last)


def _taught(
    task: TrainTask, images: ImageData, student: nn.Module, where: Where
) -> tuple[ImageData, SupervisedLoss, dict[str, Any]]:
    """The data in the teacher's normalisation, the student's loss, what is kept of the teacher."""
    teacher: Teacher = task.options.load(task.distill_from)
    if task.digest not in (None, teacher.digest):
        raise UserError(f"{teacher.source} is not the teacher that {task.out} was started with")
    check_fits(images.test, teacher.card)
    normalisation = teacher.card.known_normalisation()
    if teacher.card.classes != images.classes:
        raise UserError(
            f"the teacher has {teacher.card.classes} classes and the data {images.classes}; "
            "give data with the same classes"
        )
    network = teacher.network.requires_grad_(False).to(where.device)
    network = network.to(memory_format=torch.channels_last)
    loss_of = with_teacher(task.guidance, network, student, images.input_size, where)
    told = {**asdict(task.guidance), "teacher_options": task.options.told_by(teacher).plain()}
    told |= {"teacher_sha256": teacher.digest, "teacher_path": teacher_path(teacher, task.options)}
    return replace(images, mean=normalisation.mean, std=normalisation.std), loss_of, told


def _digest(split: Split) -> str:
    """Of images and labels, so that a run does not go on with others."""
    found = sha256()
    for part in (split.images, split.labels):
        found.update(part.cpu().contiguous().numpy())
    return found.hexdigest()
