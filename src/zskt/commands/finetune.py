"""`zskt finetune`: a zero-shot student goes on with a few real images."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from zskt.commands.teacher_options import TeacherOptions, of_run
from zskt.commands.train import train_command
from zskt.devices import Precision
from zskt.errors import UserError
from zskt.model_file import network_file, read_classifier_card
from zskt.networks import is_code
from zskt.training.lessons import Guidance
from zskt.training.run_folder import RunFolder
from zskt.training.train import Recipe


@dataclass(frozen=True, kw_only=True)
class FineTuning(Recipe):
    """A gentle recipe, chosen on training images alone: docs/few-shot.md has the search."""

    epochs: Annotated[int, Parameter(parse=False)] = 1
    """Not counted: the length is in batches."""
    steps: int | None = 400
    """Length in batches."""
    learning_rate: float = 0.03
    """The peak."""
    padding: int = 2
    """Images are shifted by up to so many pixels."""


@dataclass(frozen=True, kw_only=True)
class FineTuningGuidance(Guidance):
    """How the teacher helps; the search found attention transfer to harm here."""

    distill_attention: float = 0.0
    """Weight of attention transfer (beta); 0 leaves it out."""


def finetune_command(
    run: Path,
    *,
    data: str,
    per_class: int,
    out: Path,
    teacher: str | None = None,
    options: Annotated[TeacherOptions, Parameter(name="*")] = TeacherOptions(),
    recipe: Annotated[FineTuning, Parameter(name="*")] = FineTuning(),
    guidance: Annotated[FineTuningGuidance, Parameter(name="*")] = FineTuningGuidance(),
    device: str = "auto",
    precision: Precision = "auto",
    data_dir: Path = Path("data"),
    overwrite: bool = False,
    results: Path | None = None,
) -> None:
    """Continue a zero-shot student with a few labelled images, its teacher helping.

    Args:
        run: the run folder of `zskt distill`, or a student's model file.
        data: a data set that `zskt list` shows.
        per_class: images of each class to learn from, drawn by the seed.
        out: the run folder to write.
        teacher: whatever `zskt distill` takes; by default the teacher of the run.
        options: what the teacher does not tell.
        recipe: how to train.
        guidance: how the teacher helps.
        device: auto, cpu, cuda, cuda:N or mps.
        precision: bf16 autocast, exact 32, or auto: bf16 where the hardware has it.
        data_dir: where public data sets lie.
        overwrite: replace a run that is already in the folder.
        results: a further file for the result as JSON.
    """
    file = network_file(run)
    card = read_classifier_card(file)
    if card.architecture is None or is_code(card.architecture):
        raise UserError(f"{file} holds a network of your own class, which zskt cannot build")
    if teacher is None:
        if replace(options, allow_code=False) != TeacherOptions():
            raise UserError("what is said of a teacher needs one; give --teacher")
        teacher, options = _teacher_of(run, allow_code=options.allow_code)
    train_command(
        card.architecture,
        network_arg=tuple(f"{name}={value!r}" for name, value in (card.arguments or {}).items()),
        data=data,
        out=out,
        recipe=recipe,
        per_class=per_class,
        distill_from=teacher,
        options=options,
        guidance=guidance,
        device=device,
        precision=precision,
        init=file,
        data_dir=data_dir,
        overwrite=overwrite,
        results=results,
    )


def _teacher_of(run: Path, *, allow_code: bool) -> tuple[str, TeacherOptions]:
    """The teacher that a run was distilled from."""
    asked = RunFolder(run).settings() if run.is_dir() else {}
    if "teacher_path" not in asked:
        raise UserError(f"{run} does not say which teacher it had; give --teacher")
    return of_run(asked, None, allow_code=allow_code)
