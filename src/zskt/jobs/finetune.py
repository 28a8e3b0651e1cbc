"""`zskt finetune`: a zero-shot student goes on with a few real images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from zskt.errors import UserError
from zskt.jobs import arguments as arg
from zskt.jobs.train import Trained, train
from zskt.supervised.recipe import FineTuning, FineTuningDistillation
from zskt.teachers.options import TeacherOptions


@arg.job
def finetune(
    run: Path,
    *,
    data: arg.Data,
    per_class: int,
    out: arg.RunDir,
    teacher: arg.TeacherLike | None = None,
    options: Annotated[TeacherOptions, arg.OfTeacher] = TeacherOptions(),
    recipe: Annotated[FineTuning, arg.OfRecipe] = FineTuning(),
    guidance: Annotated[FineTuningDistillation, arg.OfGuidance] = FineTuningDistillation(),
    device: arg.Device = "auto",
    precision: arg.Precision = "auto",
    data_dir: arg.DataDir = Path("data"),
    overwrite: arg.Overwrite = False,
    results: arg.Results = None,
    progress: arg.Progress = True,
) -> Trained:
    """Continue a zero-shot student with a few labelled images, its teacher helping.

    Args:
        run: The run folder of `zskt distill`, or a student's model file.
        per_class: Images of each class to learn from, drawn by the seed.
        teacher: Whatever `zskt distill` takes; by default the teacher of the run.
        options: What the teacher does not tell.
        recipe: How to train.
        guidance: How the teacher helps.

    Returns:
        The student with its accuracy on the test split.

    Raises:
        UserError: as `zskt.train`, and if the student is of a class that zskt cannot build or
            nothing says which teacher it had.
    """
    options.check(teacher)
    if teacher is None and replace(options, allow_code=False) != TeacherOptions():
        raise UserError("what is said of a teacher needs one; give `teacher`")

    from zskt.jobs.loading import teacher_of_run, whole_settings
    from zskt.model_file import network_file, read_classifier_card
    from zskt.networks import is_code
    from zskt.networks.arguments import check_arguments
    from zskt.runs.folder import RunFolder

    file = network_file(run)
    card = read_classifier_card(file)
    if card.architecture is None or is_code(card.architecture):
        raise UserError(f"{file} holds a network of your own class, which zskt cannot build")
    if not options.allow_code:
        check_arguments(file, card.arguments)
    if teacher is None:
        settings = RunFolder(run).settings() if run.is_dir() else {}
        if "teacher_path" not in settings:
            raise UserError(f"{run} does not say which teacher it had; give `teacher`")
        with whole_settings(run):
            teacher, options = teacher_of_run(settings, allow_code=options.allow_code)
    return train(
        card.architecture,
        network_arg=tuple(f"{name}={value!r}" for name, value in (card.arguments or {}).items()),
        data=data, out=out, recipe=recipe, per_class=per_class, distill_from=teacher,
        options=options, guidance=guidance, device=device, precision=precision, init=file,
        data_dir=data_dir, overwrite=overwrite, results=results, progress=progress,
    )  # fmt: skip
