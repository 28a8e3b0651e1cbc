"""The end of a distillation: verdict, evaluation where data was given, pictures, result."""

import time
from dataclasses import asdict, replace
from pathlib import Path

from torch import nn

from zskt.data import ImageData
from zskt.devices import Where, settled
from zskt.distillation.loop import Measure, Played
from zskt.errors import UserError
from zskt.jobs.distill import Distilled
from zskt.jobs.evaluate import Evaluation, contenders_of, judge
from zskt.jobs.task import Task
from zskt.jobs.verdict import Judged, measured, write_verdict
from zskt.measure.accuracy import Judge, predict
from zskt.measure.contenders import check_fits
from zskt.measure.verdict.inverted import seconds_to_invert
from zskt.model_file import Card
from zskt.results import write_result
from zskt.runs.folder import AVERAGE, RESULT, STUDENT, VERDICT, RunFolder
from zskt.runs.rows import images_seen
from zskt.runs.source import read_past_source, source_of
from zskt.teachers.teacher import Teacher

PICTURES_SECONDS = 3.0
"""What a run with a time to end at keeps for its card and pictures."""


def watching(teacher: Teacher, images: ImageData | None) -> tuple[Measure | None, float]:
    """What looks at the student on a test set, and about how long the last look will take."""
    if images is None:
        return None, 0.0
    check_fits(images.test, teacher.card)
    normalisation = teacher.card.known_normalisation()
    start = time.monotonic()
    logits = predict(teacher.network, images.test, normalisation)
    # Three networks are judged, each as large as the teacher at most, and their latency measured.
    return Judge(images.test, normalisation, logits), 3 * (time.monotonic() - start) + 1.0


def seconds_of_end(teacher: Teacher, student: nn.Module, where: Where, run_seconds: float) -> float:
    """About how long verdict, card and pictures will take: from a verdict on few images."""
    card, few = teacher.card, 64
    home = next(student.parameters()).device
    for _ in range(2):
        short = measured(teacher.network, student, card, where, images=few, seen=0)
    with settled(where):
        inverting = seconds_to_invert(teacher.network, card, run_seconds)
    student.to(home)
    # The end has twice the kinds of images, and more of each.
    factor = 2 * (512 if max(card.input_size[1:]) <= 64 else 128) / few
    return factor * short.seconds + inverting + PICTURES_SECONDS


def ended(
    task: Task,
    played: Played,
    teacher: Teacher,
    card: Card,
    images: ImageData | None,
    where: Where,
    results: Path | None,
) -> Distilled:
    """Judge what was made and write what is to be left; a run with a result counts as finished."""
    if not played.history:
        raise UserError(
            f"{task.out} holds metrics of no round: it was stopped before one was recorded, or "
            "they are damaged; resume it with more `rounds` or `minutes`, or start it anew"
        )
    out, home = task.out, next(played.student.parameters()).device
    source = source_of(played.networks.get(played.source or "")) or played.memory
    past = read_past_source(RunFolder(out)) if out else None
    verdict = measured(
        teacher.network, played.student, card, where, source=source, past=past,
        average=played.average, seen=images_seen(played.history),
    )  # fmt: skip
    if out is not None:
        write_verdict(out / VERDICT, verdict, out, where)
    evaluation = None
    if images is not None:
        start = time.monotonic()
        file, of_average = (out / STUDENT, out / AVERAGE) if out else (None, None)
        student = replace(teacher, network=played.student, card=card, file=file)
        contenders = contenders_of(teacher, student, played.average, of_average, where)
        settings = {name: task.settings()[name] for name in ("student", "teacher", "data")}
        names = card.class_names or images.class_names
        evaluation = judge(contenders, images, names, settings, where, out, None, start=start)
    elif out is not None:
        # Pictures need matplotlib, which no run waits for at its start.
        from zskt.reports.finish import finish

        finish(out)
    for network in (played.student, *([played.average] if played.average is not None else [])):
        network.to(home)
    _write(task, played, where, results)
    return Distilled(
        played.student, played.networks, source, played.average, played.history, verdict,
        evaluation, out, played.recovered,
    )  # fmt: skip


def of_others(
    task: Task, played: Played, verdict: Judged, evaluation: Evaluation | None, rank: int
) -> Distilled:
    """What a process has that is not the first: the same student, and what the first says of it."""
    source = source_of(played.networks.get(played.source or "")) or played.memory
    return Distilled(
        played.student, played.networks, source, played.average, played.history, verdict,
        evaluation, task.out, played.recovered, rank,
    )  # fmt: skip


def _write(task: Task, played: Played, where: Where, results: Path | None) -> None:
    """The result: the last row, and every row with a look at a test set."""
    last = played.history[-1]
    rows = [
        {name: value for name, value in row.items() if not isinstance(value, list)}
        for row in played.history
        if "student_accuracy" in row or row is last
    ]
    settings = {**task.settings(), **asdict(task.method), **asdict(task.run)}  # ty: ignore
    if played.recovered:
        settings["recovered"] = played.recovered
    write_result(
        task.out / RESULT if task.out else None, results, seeds=[task.run.seed], settings=settings,
        seconds=last["seconds"], rows=rows, device=where.name,
    )  # fmt: skip
