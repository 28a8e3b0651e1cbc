"""`zskt distill`: a student from a teacher, without any data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from zskt.devices import resolve
from zskt.distillation.budget import Budget
from zskt.distillation.run import Run, of_length
from zskt.errors import UserError
from zskt.jobs import arguments as arg
from zskt.jobs.result import Result
from zskt.methods.replay import Replay
from zskt.runs.folder import RunFolder
from zskt.teachers.options import TeacherOptions, Words

if TYPE_CHECKING:
    from torch import nn

    from zskt.jobs.evaluate import Evaluation
    from zskt.jobs.verdict import Judged
    from zskt.runs.source import ImageSource

Logger = Literal["wandb", "mlflow"]
WHAT_TO_GIVE = "give `teacher`, `student` and `out`, or `resume` RUN"


@dataclass
class Distilled(Result):
    """What a run gives back; networks are in eval mode, on the device that the student was on."""

    student: nn.Module
    """The network that was passed in, or that was made, trained."""
    networks: dict[str, nn.Module]
    """What else the method trained, by name."""
    source: ImageSource | None
    """Gives images as the student learnt from; None where the method has nothing of the kind."""
    average: nn.Module | None
    """The student's moving average over the last rounds; None if none was kept."""
    history: list[dict[str, Any]]
    """The recorded metrics, oldest first."""
    verdict: Judged
    """How good the student seems, told without data."""
    evaluation: Evaluation | None
    """On real images, if data was given."""
    folder: Path | None
    """Where the run lies on disk."""
    recovered: list[dict[str, Any]]
    """What broke in which round, and the round it went back to: once for each halving of the
    learning rates."""
    rank: int = 0
    """Of this process among those of the run; each has the same student and verdict."""


@arg.job
def distill(
    teacher: arg.TeacherLike | None = None,
    student: arg.NetworkLike | None = None,
    *,
    options: Annotated[TeacherOptions, arg.OfTeacher] = TeacherOptions(),
    student_arg: Words = (),
    student_init: Path | None = None,
    out: Path | None = None,
    resume: Path | None = None,
    method: arg.MethodLike | None = None,
    run: Annotated[Run, arg.OfRun] = Run(),
    data: arg.Data | None = None,
    data_dir: arg.DataDir = Path("data"),
    overwrite: arg.Overwrite = False,
    log_to: Annotated[tuple[Logger, ...], arg.Many] = (),
    dry_run: bool = False,
    results: arg.Results = None,
    progress: arg.Progress = True,
) -> Distilled:
    """Train a student to match a teacher without any data.

    On the command line a run file may stand first: `zskt distill runs/old/run.toml --out NEW`.

    Args:
        teacher: A model file, the run folder of `zskt train`, an .onnx, TorchScript .pt or
            torch.export .pt2 file, timm:NAME, torchvision:NAME, hf:REPO or package.module:factory.
            In Python also a network, which is copied and never changed.
        options: What the teacher does not tell.
        student: A network that `zskt list` shows. In Python also a network, which is trained in
            place, in its own dtype.
        student_arg: Arguments, name=value, for the student's factory or library.
        student_init: A model file or run folder whose weights the student starts from.
        out: The run folder to write; in Python, without it, nothing is written.
        resume: Go on with this run and its own settings, as if it had never stopped; with
            minutes, up to the clock. Given a length besides, the run has that length in all from
            here on, finished or not, and the learning rates that belong to it.
        method: What to do, with its settings; by default our own.
        run: Settings of the run. Without a length it is the method's usual one, and at most an
            hour; `zskt plan` tells beforehand.
        data: A test set to watch the student on; nothing is learnt from it.
        log_to: Send the metrics to these, too: wandb, mlflow, each by the settings of its own
            environment. TensorBoard's are written where it is installed.
        dry_run: Check everything, tell what the run would take and make, as `zskt plan` does, and
            stop there; nothing is written.

    Returns:
        The student with the other networks, the recorded metrics and a verdict; of a dry run the
        `zskt.jobs.plan.Plan` instead.

    Raises:
        UserError: for networks that do not fit the input size or each other, a folder in use, a
            run to resume that was started with other settings, a full disk, or a loss that is no
            longer finite more often than the run may recover from.
        Stopped: after Ctrl-C, at the end of a round, with the state saved.
    """
    # The clock starts before anything heavy is imported.
    budget = Budget(run)
    if resume is None and (teacher is None or student is None):
        raise UserError(WHAT_TO_GIVE)
    beside_resume = [student_arg, student_init, out, overwrite]
    beside_resume += [method not in (None, Replay())]
    beside_resume += [replace(options, allow_code=False) != TeacherOptions(), not _only_how(run)]
    if resume is not None and any(beside_resume):
        raise UserError(
            "`resume` takes the run's own settings; besides it, only `rounds` or `minutes`, "
            "`until`, `device`, `devices`, `nodes`, `micro_batch`, `teacher`, `student`, "
            "`data_dir`, `allow_code` and `data` that was in memory may be given"
        )
    if dry_run and resume is not None:
        raise UserError("`dry_run` is for a new run; leave it out, or `resume`")
    _check_no_run_file(teacher)
    if log_to and out is None and resume is None:
        raise UserError("`log_to` is for runs that are written; give `out`")
    options.check(teacher)
    if out is not None:
        RunFolder(out).check("distill", overwrite=overwrite)
    resolve(run.device, "auto", *run.places)

    from zskt.jobs.distill_run import carry_out, rehearsed
    from zskt.jobs.task import Task, task_of_run

    if resume is not None:
        task = task_of_run(resume, run, teacher, student, data, data_dir, options.allow_code)
    else:
        method = method or Replay()
        task = Task(
            teacher=teacher, options=options, student=student, student_arg=student_arg,
            init=student_init, out=out, method=method, run=of_length(run, method), data=data,
            data_dir=data_dir, length_given=run.has_length,
        )  # fmt: skip
    task = replace(task, log_to=tuple(log_to))
    if dry_run:
        # Who asks for a plan knows that there is no student.
        return rehearsed(task, progress=progress)  # ty: ignore
    return carry_out(task, budget, overwrite=overwrite, results=results, progress=progress)


def _only_how(run: Run) -> bool:
    """Whether nothing is asked for but how far and where to go."""
    how: dict[str, Any] = {"device": "auto"}
    for name in ("until", "rounds", "minutes", "devices", "nodes", "micro_batch"):
        how[name] = None
    return replace(run, **how) == Run()


def _check_no_run_file(teacher: Any) -> None:
    """Raise a `UserError` for a run file in the place of a teacher."""
    if isinstance(teacher, str | Path) and Path(teacher).suffix == ".toml":
        raise UserError(
            f"{teacher} is no teacher; put a run file first on the command line, or give what "
            "zskt.read_run_file reads of it"
        )
