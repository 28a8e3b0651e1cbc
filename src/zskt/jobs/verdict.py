"""`zskt verdict`: how good a finished run's student seems, told without data."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zskt.devices import resolve, settled
from zskt.errors import UserError
from zskt.jobs import arguments as arg
from zskt.jobs.result import Result

if TYPE_CHECKING:
    from torch import nn

    from zskt.devices import Where
    from zskt.measure.verdict.share import Share
    from zskt.model_file import Card
    from zskt.runs.source import ImageSource
    from zskt.teachers.teacher import Teacher


@dataclass
class Judged(Result):
    """The verdict on a run, and what it rests on."""

    word: str
    """good, doubtful or failed."""
    reason: str
    advice: str
    signals: dict[str, float]
    """By name: shares from 0 to 1, divergences in nats for each image."""
    seconds: float
    share: Share | None = None
    """Of its teacher's accuracy, predicted with an interval; None where no images were inverted."""
    kept: bool | None = None
    """Whether the run's own verdict, card and page say it now; None where that was not asked."""

    def __str__(self) -> str:
        return f"verdict without data: {self.word}; {self.reason}; {self.advice}"

    @property
    def row(self) -> dict[str, Any]:
        """The line of the result."""
        share = {} if self.share is None else self.share._asdict()
        shares = {"share" if name == "value" else f"share_{name}": share[name] for name in share}
        words = {"word": self.word, "reason": self.reason, "advice": self.advice}
        return {**words, **shares, **self.signals}


@arg.job
def verdict(
    run: Path,
    *,
    teacher: arg.TeacherLike | None = None,
    images: int | None = None,
    device: arg.Device = "auto",
    allow_code: arg.AllowCode = False,
    results: arg.Results = None,
) -> Judged:
    """Tell how good a finished run's student seems without data: good, doubtful or failed, and why.

    After a short run this takes longer than the run's own verdict, and tells more: images are made
    from the teacher alone, however few the student has seen. It takes the place of the run's own,
    and the run's card and page are made anew, unless `images` is given.

    Args:
        run: The folder of a zskt distill run.
        teacher: The run's teacher, if it has moved.
        images: How many of each kind student and teacher are compared on; by default 512, of
            those above 64x64 pixels 128.

    Raises:
        UserError: if the folder holds no finished run, or the teacher is not the run's.
    """
    if images is not None and images < 2:
        raise UserError(f"`images` must be 2 or more, not {images}")
    where = resolve(device, "32")

    from zskt.model_file import load, read_classifier_card
    from zskt.runs.folder import AVERAGE, STUDENT, RunFolder
    from zskt.runs.source import read_past_source, read_source

    taught = teacher_of_finished(run, teacher, allow_code=allow_code)
    student, average = run / STUDENT, run / AVERAGE
    if not student.is_file():
        raise UserError(f"{run} has no student; give the folder of a finished zskt distill run")
    folder, card = RunFolder(run), read_classifier_card(student)
    judged = measured(
        taught.network, load(student, allow_code=allow_code), card, where,
        source=read_source(folder), past=read_past_source(folder), images=images,
        average=load(average, allow_code=allow_code) if average.is_file() else None,
    )  # fmt: skip
    if results is not None:
        write_verdict(results, judged, run, where, images=images, later=True)
    if images is None:
        judged.kept = _kept(run, judged, where)
    return judged


def _kept(run: Path, judged: Judged, where: Where) -> bool:
    """Put a verdict in the place of the run's own, on its card and page too, if that can be."""
    from zskt.reports.finish import finish
    from zskt.runs.folder import VERDICT
    from zskt.runs.lock import FolderLock

    lock = FolderLock(run)
    try:
        lock.take()
        write_verdict(run / VERDICT, judged, run, where, later=True)
        finish(run)
    except UserError:
        # Another process writes to it, or none can; what was found out is told all the same.
        return False
    finally:
        lock.release()
    return True


def teacher_of_finished(run: Path, teacher: arg.TeacherLike | None, *, allow_code: bool) -> Teacher:
    """A run's teacher, from where it lay or from another place.

    Raises:
        UserError: if it is not there, another one, or code that is not allowed; if the folder is
            not that of a distillation.
    """
    from zskt.jobs.loading import options_beside, teacher_of_run, whole_settings
    from zskt.runs.folder import RunFolder

    settings = RunFolder(run).settings()
    if settings.get("command_name") != "distill":
        raise UserError(f"{run} was not made by zskt distill; give the folder of a run that was")
    source: arg.TeacherLike | None = teacher
    with whole_settings(run):
        digest, options = (
            settings["teacher_sha256"],
            options_beside(source, settings, allow_code=allow_code),
        )
        if source is None:
            source, options = teacher_of_run(settings, allow_code=allow_code)
    taught = options.load(source)
    if taught.digest != digest:
        raise UserError(f"{taught.source} is not the teacher of {run}; give `teacher`")
    return taught


def measured(
    teacher: nn.Module,
    student: nn.Module,
    card: Card,
    where: Where,
    *,
    source: ImageSource | None = None,
    past: ImageSource | None = None,
    average: nn.Module | None = None,
    images: int | None = None,
    seen: float = inf,
) -> Judged:
    """The verdict on networks of one card, which are moved to the device.

    After a run whose student has `seen` many images, some are made of the teacher alone, which
    takes longer than all the rest; with 0 none.
    """
    from zskt.measure.verdict.inverted import affordable, inverted
    from zskt.measure.verdict.judgement import judged
    from zskt.measure.verdict.signals import signals

    start = time.monotonic()
    with settled(where):
        teacher = teacher.to(where.device)
        count = affordable(teacher, card, seen) if seen else 0
        values = signals(
            teacher, student.to(where.device), card.input_size, card.normalisation,
            source=source, past=past, images=images,
            of_teacher=inverted(teacher, card, count=count) if count else None,
            average=average.to(where.device) if average is not None else None,
        )  # fmt: skip
    return Judged(**judged(values)._asdict(), signals=values, seconds=time.monotonic() - start)


def write_verdict(
    file: Path, judged: Judged, run: Path, where: Where, *, images: int | None = None,
    later: bool = False,
) -> None:  # fmt: skip
    """Write a verdict as JSON; a `later` one is of `zskt verdict`, not of the run's own end."""
    from zskt.measure.verdict.signals import SEED
    from zskt.results import write_result

    settings = {"run": str(run), "images": images, "device": where.name, "later": later}
    write_result(
        file, seeds=[SEED], settings=settings, seconds=judged.seconds, rows=[judged.row],
        device=where.name,
    )  # fmt: skip
