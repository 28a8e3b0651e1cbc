"""`zskt train`: a classifier from labelled images, many or few, alone or with a teacher."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from zskt.devices import resolve
from zskt.errors import UserError
from zskt.jobs import arguments as arg
from zskt.jobs.result import Result
from zskt.runs.folder import RunFolder
from zskt.supervised.recipe import KnowledgeDistillation, Recipe
from zskt.teachers.options import TeacherOptions, Words

if TYPE_CHECKING:
    from torch import nn

    from zskt.model_file import Card


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


WHAT_TO_GIVE = "give a network, `data` and `out`, or `resume` RUN"


@arg.job
def train(
    network: str | None = None,
    *,
    data: arg.Data | None = None,
    out: Path | None = None,
    resume: Path | None = None,
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
    save_seconds: float = 60.0,
    data_dir: arg.DataDir = Path("data"),
    overwrite: arg.Overwrite = False,
    results: arg.Results = None,
    progress: arg.Progress = True,
) -> Trained:
    """Train a network on labelled images: a teacher, or a student with many or few.

    Args:
        network: A name that `zskt list` shows.
        data: A data set that `zskt list` shows.
        out: The folder to write, with the run and its result.
        resume: Go on with this run and its own settings, as if it had never stopped. Its length
            stays: by its end the learning rate has come down; `init` starts a further cycle.
        recipe: How to train.
        network_arg: Arguments, name=value, for the network's factory or library.
        per_class: Learn only so many images of each class, drawn by the seed; by default all.
        distill_from: A teacher to learn from too, by knowledge distillation and attention transfer;
            whatever `zskt distill` takes.
        options: What that teacher does not tell.
        guidance: How the teacher helps.
        init: A model file or run folder whose weights to start from, for a further cycle.
        half: Store the weights in 16 bits.
        save_seconds: Seconds between two checkpoints: how much a kill can cost.

    Returns:
        The network with its accuracy on the test split.

    Raises:
        UserError: for wrong arguments, data or files, a folder in use, a run to resume that was
            started with other settings, and for a loss that is no longer finite.
        Stopped: after Ctrl-C, at the end of a step, with the state saved.
    """
    told = guidance, replace(options, allow_code=False)
    if resume is not None:
        given = [network, out, network_arg, per_class, init, half, overwrite]
        given += [recipe != Recipe(), told != (KnowledgeDistillation(), TeacherOptions())]
        if any(given) or (precision, save_seconds) != ("auto", 60.0):
            raise UserError(
                "`resume` takes the run's own settings; besides it, only `device`, `data`, "
                "`data_dir`, `distill_from` and `allow_code` may be given, and for more epochs "
                "start a further cycle with `init`"
            )
    elif network is None or data is None or out is None:
        raise UserError(WHAT_TO_GIVE)
    elif distill_from is None and told != (KnowledgeDistillation(), TeacherOptions()):
        raise UserError("what is said of a teacher needs a teacher; give `distill_from` TEACHER")
    options.check(distill_from)
    if out is not None:
        RunFolder(out).check("train", overwrite=overwrite)
    resolve(device, precision)

    from zskt.jobs.train_run import carry_out
    from zskt.jobs.train_task import TrainTask, task_of_run
    from zskt.networks.factory import parsed

    if resume is not None:
        task = task_of_run(
            resume, data=data, data_dir=data_dir, distill_from=distill_from, options=options,
            device=device,
        )  # fmt: skip
    else:
        assert network is not None
        assert out is not None
        task = TrainTask(
            network=network, arguments=parsed(network_arg), data=data, data_dir=data_dir,
            recipe=recipe, per_class=per_class, distill_from=distill_from, options=options,
            guidance=guidance, init=init, half=half, out=out, device=device, precision=precision,
            save_seconds=save_seconds,
        )  # fmt: skip
    return carry_out(task, overwrite=overwrite, results=results, progress=progress)
