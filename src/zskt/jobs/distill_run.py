"""What `zskt.distill` does once its arguments are checked.

load the teacher, make the student      both are looked at before anything is written
play                                    distillation/loop.py
judge and write                         distill_end.py
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from zskt.data import ImageData
from zskt.devices import Where, resolve
from zskt.distillation.budget import Budget
from zskt.distillation.launch import company, shared_threads, told_by_first
from zskt.distillation.loop import Play, Played
from zskt.distillation.memory import MUCH_MEMORY, estimated_bytes, free_bytes
from zskt.distillation.places import rank_here
from zskt.distillation.run import Run
from zskt.distillation.stopping import Stopped
from zskt.errors import UserError
from zskt.images import at_once
from zskt.jobs.distill import Distilled
from zskt.jobs.distill_end import ended, of_others, seconds_of_end, watching
from zskt.jobs.distill_folder import open_folder
from zskt.jobs.distill_settings import settings_of
from zskt.jobs.loading import data_of, keep_apart
from zskt.jobs.plan import Plan, busy, fitted, plan_of, trial_of
from zskt.jobs.task import Task
from zskt.measure.contenders import check_fits, in_classes_of
from zskt.model_file import load_weights
from zskt.networks import architecture_of, create
from zskt.networks.compatibility import check_learns, count_classes
from zskt.networks.factory import parsed
from zskt.networks.shrink import shrunk
from zskt.teachers.inspection import check_teacher
from zskt.teachers.teacher import Teacher

Tell = Callable[[str], None]
UNASKED_MINUTES = 60.0
"""The most that a run takes whose length was not given."""
TRIAL_SECONDS = 10.0


def carry_out(
    task: Task, budget: Budget, *, overwrite: bool, results: Path | None, progress: bool
) -> Distilled:
    """Make the networks, play, and judge; with several processes, all do so together."""
    where = resolve(task.run.device, task.run.precision, *task.run.places)
    with company(where, _carry_out, replace(task, data=None), None, where):
        return _carry_out(task, budget, where, overwrite, results, progress)


def _carry_out(
    task: Task, budget: Budget | None, where: Where, overwrite: bool = False,
    results: Path | None = None, progress: bool = False,
) -> Distilled:  # fmt: skip
    """What each process does; only the first decides, measures and writes."""
    rank = rank_here(where)
    budget = budget or Budget(task.run)
    progress = progress and rank == 0
    keep_apart(task.out, task.teacher, task.options.weights, task.init)
    tell: Tell = print if progress else lambda sentence: None
    teacher, student, name = networks_of(task, where, tell)
    if task.resumed and task.length_given:
        tell("From here on the learning rates are those of a run of the new length.")
    if not task.resumed and not task.length_given and rank == 0:
        task = replace(task, run=_of_fitting_length(task, teacher, student, where, tell))
    several = (where.devices, where.nodes) if where.processes > 1 else (None, None)
    run = budget.run = replace(
        task.run, precision=where.precision, devices=several[0], nodes=several[1]
    )
    images = None
    if task.data is not None and not rank:
        images = data_of(task.data, task.data_dir, download=task.download)
        images = in_classes_of(images, teacher.card)
    card = replace(teacher.card, architecture=name, arguments=parsed(task.student_arg) or None)
    play = Play(
        method=task.method, run=run, where=where, input_size=card.input_size,
        classes=count_classes(teacher.network, student, card.input_size),
        normalisation=card.normalisation, budget=budget, progress=progress,
    )  # fmt: skip
    if rank == 0:
        # Of all processes, and before the others take theirs.
        check_memory(task, teacher, student, where, tell)
    try:
        if task.out is not None:
            settings = settings_of(task, teacher, student, name, run, where)
            open_folder(play, task, card, settings, overwrite, rank)
        played = _played(play, task, teacher, student, images, rank)
        if rank == 0:
            distilled = ended(task, played, teacher, card, images, where, results)
            told_by_first((distilled.verdict, distilled.evaluation))
            return distilled
        return of_others(task, played, *told_by_first(), rank)
    finally:
        play.writer.release()


def rehearsed(task: Task, *, progress: bool) -> Plan:
    """What a new run would take and make: all that it does before its first round, and a trial."""
    where = resolve(task.run.device, task.run.precision, *task.run.places)
    keep_apart(task.out, task.teacher, task.options.weights, task.init)
    tell: Tell = print if progress else lambda sentence: None
    teacher, student, _ = networks_of(task, where, tell)
    if task.data is not None:
        images = in_classes_of(data_of(task.data, task.data_dir), teacher.card)
        check_fits(images.test, teacher.card)
    check_memory(task, teacher, student, where, tell)
    with shared_threads(where):
        trial = trial_of(task, teacher, student, where, TRIAL_SECONDS)
        plan = plan_of(trial, task.run, where)
        if task.length_given:
            return plan
        return plan_of(trial, fitted(plan, task.run, UNASKED_MINUTES), where)


def _played(
    play: Play, task: Task, teacher: Teacher, student: nn.Module, images: ImageData | None,
    rank: int,
) -> Played:  # fmt: skip
    """Play to the end, with time left for judging where the clock decides."""
    run, where, budget = play.run, play.where, play.budget
    assert budget is not None
    teacher.network.to(where.device)
    play.measure, seconds_of_look = watching(teacher, images)
    if run.minutes is not None and rank == 0:
        end = seconds_of_end(teacher, student, where, 60 * run.minutes)
        budget.reserve = seconds_of_look + end
        if budget.over() and not task.resumed:
            raise UserError(
                f"{run.minutes:g} minutes are over before the first round: starting took "
                f"{budget.seconds:.0f} s and judging the student will take about "
                f"{budget.reserve:.0f} s; give more `minutes`"
            )
    try:
        return play(teacher.network, student)
    except Stopped as stop:
        hint = f"; its state is saved in {task.out}; go on with zskt distill --resume {task.out}"
        raise Stopped(f"{stop}{hint if task.out else ''}") from None


def networks_of(task: Task, where: Where, tell: Tell) -> tuple[Teacher, nn.Module, str | None]:
    """Teacher and student of a task, and the student's name if it has one.

    Raises:
        UserError: if the teacher cannot teach, or the student cannot be made for it.
    """
    if where.name == "cpu" and (sentence := busy(torch.get_num_threads())):
        tell(sentence)
    teacher = _teacher(task, where, tell)
    return teacher, *_student(task, teacher, tell)


def _of_fitting_length(
    task: Task, teacher: Teacher, student: nn.Module, where: Where, tell: Tell
) -> Run:
    """The method's usual length, or an hour where that would take longer."""
    tell("A trial tells how long the method's usual length takes.")
    plan = plan_of(trial_of(task, teacher, student, where, TRIAL_SECONDS), task.run, where)
    run = fitted(plan, task.run, UNASKED_MINUTES)
    for line in plan.lines:
        tell(line)
    if run != task.run:
        tell(
            f"No length was given, so this run takes {UNASKED_MINUTES:g} minutes instead; all "
            f"{task.run.total_rounds:,} rounds have to be asked for."
        )
    return run


def _teacher(task: Task, where: Where, tell: Tell) -> Teacher:
    """The teacher, if it can teach."""
    teacher = task.options.load(task.teacher)
    if task.digest not in (None, teacher.digest):
        raise UserError(f"{teacher.source} is not the teacher that {task.out} was started with")
    check_teacher(teacher, where.device)
    for note in teacher.notes:
        tell(f"{teacher.source}: {note}")
    return teacher


def _student(task: Task, teacher: Teacher, tell: Tell) -> tuple[nn.Module, str | None]:
    """The student, and its name if it has one."""
    card, student = teacher.card, task.student
    name = architecture_of(student) if isinstance(student, nn.Module) else str(student)
    if not isinstance(student, nn.Module):
        assert card.classes is not None
        make = partial(create, classes=card.classes, input_size=card.input_size)
        assert name is not None
        if name.startswith("shrink:"):
            name = shrunk(card.architecture, name, make)
            tell(f"student: {name}")
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(task.run.seed)
            student = make(name, arguments=parsed(task.student_arg))
    if task.init is not None:
        load_weights(task.init, student)
    check_learns(student, card.input_size)
    return student, name


def check_memory(
    task: Task, teacher: Teacher, student: nn.Module, where: Where, tell: Tell
) -> None:
    """An estimate before the start; the first round corrects it.

    Raises:
        UserError: if a round cannot fit, with the batch size that does.
    """
    size = teacher.card.input_size
    image_batch = at_once(getattr(task.method, "image_batch_size", 1), size)
    batch = max(getattr(task.method, "batch_size", 1), image_batch)
    # Processes of one machine share its memory, unless each has a GPU.
    sharing = where.devices if where.name == "cpu" else 1
    micro = task.run.micro_batch
    needed = sharing * estimated_bytes(teacher.network, student, size, batch, micro)
    if needed > MUCH_MEMORY:
        tell(f"A round needs about {needed / 1e9:.1f} GB, less with a smaller batch size.")
    free = free_bytes(where.device)
    if free is None or needed <= free:
        return
    fixed = sharing * estimated_bytes(teacher.network, student, size, 0)
    fits = int(batch * (free - fixed) / max(needed - fixed, 1))
    advice = f"take batches of {fits} images" if fits > 0 else "take a smaller student"
    raise UserError(
        f"a round with {batch} images needs about {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB "
        f"are free; {advice}, a smaller `micro_batch` through the teacher, or another `device`"
    )
