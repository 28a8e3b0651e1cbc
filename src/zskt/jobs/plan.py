"""`zskt plan`: what a run of `zskt distill` will take and make, from a trial of ten seconds."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from zskt.devices import resolve
from zskt.distillation.run import Run, of_length
from zskt.errors import UserError
from zskt.jobs import arguments as arg
from zskt.jobs.result import Result
from zskt.methods.replay import Replay
from zskt.teachers.options import TeacherOptions, Words

if TYPE_CHECKING:
    from zskt.devices import Where
    from zskt.distillation.trial import Trial

EXAMPLE_MINUTES = 20.0
"""What is told besides of a run whose length is in rounds."""


@dataclass
class Plan(Result):
    """What a run will take and make."""

    device: str
    threads: int | None
    """Of a CPU."""
    minutes: float | None
    """What was asked for; None where the run's length is in rounds."""
    rounds: int
    """Of the run; where minutes were given, about so many."""
    seconds: float
    """Of the run."""
    seconds_of_round: float
    """Of one process, without what several need to average their gradients."""
    processes: int
    images_made: int
    """In a round, each counted once, by all processes."""
    images_seen: int
    """By the student, in a round, in all processes."""
    memory_bytes: int
    """The most that the trial held."""
    peak: float
    """Floating-point operations per second of the device's largest matrix products."""
    rows: list[dict[str, Any]]
    """One for each phase of a round: seconds, operations, bytes moved, share of the peak."""

    @property
    def lines(self) -> list[str]:
        """The plan in three sentences."""
        made, seen = (self.rounds * each for each in (self.images_made, self.images_seen))
        images = f"{made:,} images made, {seen:,} taught from"
        where = self.device if self.threads is None else f"{self.device}, threads: {self.threads}"
        took = f"A round takes {self.seconds_of_round:.3g} s on {where}"
        gigabytes = self.memory_bytes / 1e9
        many = f", all {self.processes} processes together" if self.processes > 1 else ""
        # On a processor what a process holds before it has done anything is counted too.
        counted = "in tensors" if self.device.startswith("cuda") else "libraries included"
        lines = [
            f"About {_length(self.seconds)} for {self.rounds:,} rounds: {images}{many}.",
            f"{took}: {self.images_made:,} images made, {self.images_seen:,} taught from{many}.",
            f"Memory: up to {gigabytes:.1f} GB in the trial, {counted}.",
        ]
        if many:
            lines.append("The trial was of one process; averaging gradients comes on top.")
        return lines

    def of_minutes(self, minutes: float) -> str:
        """What so many minutes would buy."""
        rounds = max(1, round(60 * minutes / self.seconds_of_round))
        made, seen = (rounds * each for each in (self.images_made, self.images_seen))
        return (
            f"`minutes` {minutes:g} would buy {rounds:,} rounds: {made:,} images made, "
            f"{seen:,} taught from."
        )


@arg.job
def plan(
    teacher: arg.TeacherLike,
    student: arg.NetworkLike,
    *,
    options: Annotated[TeacherOptions, arg.OfTeacher] = TeacherOptions(),
    student_arg: Words = (),
    method: arg.MethodLike | None = None,
    run: Annotated[Run, arg.OfRun] = Run(),
    seconds: float = 10.0,
    results: arg.Results = None,
    progress: arg.Progress = True,
) -> Plan:
    """Tell how long a run of `zskt distill` takes, what it makes and what holds it up.

    One round is counted, then rounds are timed, at least one. Nothing is written or trained.

    Args:
        teacher: Whatever `zskt distill` takes.
        options: What the teacher does not tell.
        student: A network that `zskt list` shows. In Python also a network, which is copied.
        student_arg: Arguments, name=value, for the student's factory or library.
        method: What to do, with its settings; by default our own.
        run: Settings of the run.
        seconds: To spend on timed rounds.

    Raises:
        UserError: if `zskt distill` would refuse the networks.
    """
    if not 0 <= seconds < float("inf"):
        raise UserError(f"`seconds` must be zero or above, not {seconds}")
    options.check(teacher)
    where = resolve(run.device, run.precision, *run.places)

    from zskt.distillation.launch import shared_threads
    from zskt.jobs.distill_run import networks_of
    from zskt.jobs.task import Task
    from zskt.results import write_result

    method = method or Replay()
    task = Task(
        teacher=teacher, options=options, student=student, student_arg=student_arg, init=None,
        out=None, method=method, run=of_length(run, method), data=None, data_dir=Path("data"),
    )  # fmt: skip
    tell = print if progress else lambda sentence: None
    loaded, made, _ = networks_of(task, where, tell)
    with shared_threads(where):
        trial = trial_of(task, loaded, made, where, seconds)
        planned = plan_of(trial, task.run, where)
    if results is not None:
        write_result(
            None, results, seeds=[run.seed], settings=task.settings(), seconds=trial.seconds,
            rows=[planned.to_dict()], device=where.name,
        )  # fmt: skip
    return planned


def trial_of(task: Any, teacher: Any, student: Any, where: Where, seconds: float) -> Trial:
    """A trial of what a task asks for."""
    from zskt.distillation.trial import tried
    from zskt.networks.compatibility import count_classes

    card = teacher.card
    network = teacher.network.to(where.device)
    classes = count_classes(network, student, card.input_size)
    return tried(
        task.method, network, student, where, input_size=card.input_size, classes=classes,
        normalisation=card.normalisation, micro_batch=task.run.micro_batch, seconds=seconds,
    )  # fmt: skip


def plan_of(trial: Trial, run: Run, where: Where) -> Plan:
    """A trial, laid out for a run."""
    import torch

    from zskt.measure.peak import peak_of

    peak = peak_of(where)
    rows = [
        {
            "phase": name,
            "seconds_of_round": phase.seconds,
            "giga_operations": phase.operations / 1e9,
            "gigabytes_moved": phase.bytes / 1e9,
            "peak_share": phase.operations / max(phase.seconds, 1e-9) / peak,
        }
        for name, phase in trial.phases.items()
    ]
    if run.total_rounds is None:
        assert run.seconds is not None
        rounds, length = max(1, round(run.seconds / trial.seconds)), run.seconds
    else:
        rounds, length = run.total_rounds, run.total_rounds * trial.seconds
    return Plan(
        device=where.name, threads=torch.get_num_threads() if where.name == "cpu" else None,
        minutes=run.minutes, rounds=rounds, seconds=length, seconds_of_round=trial.seconds,
        processes=where.processes, images_made=trial.images_made * where.processes,
        images_seen=trial.images_seen * where.processes,
        memory_bytes=trial.memory_bytes, peak=peak, rows=rows,
    )  # fmt: skip


def fitted(plan: Plan, run: Run, minutes: float) -> Run:
    """The run that was planned, or one of so many minutes where it would take longer."""
    if plan.seconds <= 60 * minutes:
        return run
    return replace(run, rounds=None, minutes=minutes)


def busy(threads: int) -> str | None:
    """A sentence where other processes hold the cores that a run wants; else None."""
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load + threads <= cores + 0.75:
        return None
    return (
        f"Other processes hold the processor (load {load:.1f} on {cores} cores) and this run wants "
        f"{threads} of its cores. Runs that share cores slow each other tenfold: wait, or start "
        "each with OMP_NUM_THREADS=1."
    )


def _length(seconds: float) -> str:
    """A time in the unit that reads best."""
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    hours = seconds / 3600
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.0f} days"
