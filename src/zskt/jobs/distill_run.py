"""What `zskt.distill` does once its arguments are checked.

load the teacher, make the student              both are looked at before anything is written
play                                            distillation/loop.py
verdict, evaluation where data was given, card and pictures; the result last
"""

import time
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from zskt.data import ImageData
from zskt.devices import Where, resolve
from zskt.distillation.budget import Budget
from zskt.distillation.loop import MUCH_MEMORY, Measure, Play, Played
from zskt.distillation.memory import estimated_bytes
from zskt.distillation.run import Run
from zskt.distillation.session import Method
from zskt.distillation.stopping import Stopped
from zskt.errors import UserError
from zskt.jobs.distill import Distilled
from zskt.jobs.evaluate import Evaluation, judge, moving_average
from zskt.jobs.loading import (
    check_code,
    check_data,
    data_of,
    described,
    keep_apart,
    name_of,
    options_of_run,
    teacher_of_run,
)
from zskt.jobs.verdict import measured, write_verdict
from zskt.measure.accuracy import Judge, predict
from zskt.measure.contenders import Contender
from zskt.methods import method_class, method_name
from zskt.model_file import Card, load_weights, parameters
from zskt.networks import architecture_of, create
from zskt.networks.arguments import check_arguments
from zskt.networks.compatibility import count_classes
from zskt.networks.factory import parsed
from zskt.networks.shrink import shrunk
from zskt.results import write_result
from zskt.runs.folder import AVERAGE, RESULT, STUDENT, VERDICT, RunFolder
from zskt.runs.source import read_past_source, source_of
from zskt.runs.writer import FolderWriter
from zskt.teachers.inspection import check_teacher
from zskt.teachers.options import TeacherOptions, Words
from zskt.teachers.teacher import Teacher


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What one distillation is asked to do."""

    teacher: Any
    options: TeacherOptions
    student: Any
    student_arg: Words
    init: Path | None
    out: Path | None
    method: Method
    run: Run
    data: Any
    data_dir: Path
    digest: str | None = None
    """Of the teacher's file, if it has to be a certain one."""
    resumed: bool = False

    def settings(self) -> dict[str, Any]:
        """The part of a run's settings that is neither the method's nor the run's."""
        return {
            "teacher": name_of(self.teacher),
            "teacher_options": self.options.plain(),
            "student": name_of(self.student),
            "student_arguments": parsed(self.student_arg),
            "student_init": str(self.init.resolve()) if self.init else None,
            "method": method_name(self.method),
            "data": name_of(self.data),
        }


def resumed_run(
    path: Path, run: Run, teacher: Any, student: Any, data_dir: Path, allow_code: bool
) -> Assignment:
    """What a run folder was started with.

    Raises:
        UserError: if it holds no distillation, or its settings name what is not allowed.
    """
    folder = RunFolder(path)
    settings = folder.settings()
    if settings.get("command_name") != "distill":
        raise UserError(f"{path} was not made by zskt distill; start it anew")
    options = options_of_run(settings, allow_code=allow_code)
    if teacher is None:
        teacher, options = teacher_of_run(settings, allow_code=allow_code)
    if student is None:
        student = settings["student"]
        check_code(student, allow_code=allow_code)
        if not allow_code:
            check_arguments(path, settings["student_arguments"])
    # Before its first checkpoint a run starts again from what it was started with.
    init = None if folder.checkpoint_file.exists() else settings["student_init"]
    return Assignment(
        teacher=teacher,
        options=options,
        student=student,
        student_arg=tuple(f"{name}={value!r}" for name, value in settings["student_arguments"].items()),
        init=Path(init) if init else None,
        out=path,
        method=method_class(settings["method"])(**settings["method_settings"]),
        run=replace(Run(**settings["run"]), until=run.until, device=run.device),
        data=settings["data"],
        data_dir=data_dir if data_dir != Path("data") else Path(settings["data_dir"]),
        digest=settings["teacher_sha256"],
        resumed=True,
    )  # fmt: skip


def carry_out(
    assignment: Assignment,
    budget: Budget,
    *,
    overwrite: bool,
    results: Path | None,
    progress: bool,
) -> Distilled:
    """Make the networks, play, and judge."""
    run = assignment.run
    where = resolve(run.device, run.precision)
    budget.run = run = replace(run, precision=where.precision)
    keep_apart(assignment.out, assignment.teacher, assignment.options.weights, assignment.init)
    tell = print if progress else _silence
    teacher = _teacher(assignment, where, tell)
    student, name = _student(assignment, teacher, tell)
    images = None if assignment.data is None else data_of(assignment.data, assignment.data_dir)
    card = _card(assignment, teacher, student, name)
    settings = _settings(assignment, teacher, student, name, run, where)
    play = Play(
        method=assignment.method, run=run, where=where, input_size=card.input_size,
        classes=count_classes(teacher.network, student, card.input_size),
        normalisation=teacher.normalisation, budget=budget, progress=progress,
    )  # fmt: skip
    _tell_memory(assignment.method, teacher, student, tell)
    if assignment.out is not None:
        _open(play, RunFolder(assignment.out), card, settings, assignment.resumed, overwrite)
    teacher.network.to(where.device)
    play.measure, judging = _watching(teacher, images)
    if run.minutes is not None:
        budget.reserve = judging + _seconds_of_verdict(teacher, student, where)
    try:
        played = play(teacher.network, student)
    except Stopped as stop:
        raise Stopped(f"{stop}{_how_to_go_on(assignment.out)}") from None
    return _finished(assignment, played, teacher, card, images, where, results)


def _silence(sentence: str) -> None:
    """Tell nobody."""


def _teacher(assignment: Assignment, where: Where, tell: Any) -> Teacher:
    """The teacher, if it can teach."""
    teacher = assignment.options.load(assignment.teacher)
    if assignment.digest not in (None, teacher.digest):
        raise UserError(
            f"{teacher.source} is not the teacher that {assignment.out} was started with"
        )
    check_teacher(teacher, where.device)
    for note in teacher.notes:
        tell(f"{teacher.source}: {note}")
    return teacher


def _student(assignment: Assignment, teacher: Teacher, tell: Any) -> tuple[nn.Module, str | None]:
    """The student with its name, if it has one."""
    card, student = teacher.card, assignment.student
    if isinstance(student, nn.Module):
        if assignment.init is not None:
            load_weights(assignment.init, student)
        return student, architecture_of(student)
    assert card.classes is not None
    like = {"classes": card.classes, "input_size": card.input_size}
    name = str(student)
    if name.startswith("shrink:"):
        name = shrunk(card.architecture, name, partial(create, **like))
        tell(f"student: {name}")
    torch.manual_seed(assignment.run.seed)
    network = create(name, **like, arguments=parsed(assignment.student_arg))
    if assignment.init is not None:
        load_weights(assignment.init, network)
    return network, name


def _card(assignment: Assignment, teacher: Teacher, student: nn.Module, name: str | None) -> Card:
    """What the student's file says of it: its images are the teacher's."""
    arguments = parsed(assignment.student_arg) or None
    return replace(teacher.card, architecture=name, arguments=arguments)


def _settings(
    assignment: Assignment,
    teacher: Teacher,
    student: nn.Module,
    name: str | None,
    run: Run,
    where: Where,
) -> dict[str, Any]:
    """Everything that was set, for the run folder."""
    settings = {
        "teacher_sha256": teacher.digest,
        "teacher_path": _resolved(teacher.source),
        "data_dir": str(assignment.data_dir.resolve()),
        **assignment.settings(),
        "student": name or name_of(assignment.student),
        "student_parameters": parameters(student),
        "method_settings": asdict(assignment.method),  # ty: ignore
        "run": asdict(run),
        "input_size": teacher.card.input_size,
    }
    return described("distill", settings, where)


def _resolved(source: str) -> str:
    """A place that means the same from another folder."""
    hub = "hf:" if source.startswith("hf:") else ""
    place = Path(source.removeprefix(hub))
    return f"{hub}{place.resolve()}" if place.exists() else source


def _tell_memory(method: Any, teacher: Teacher, student: nn.Module, tell: Any) -> None:
    """An estimate before the start; the first round corrects it."""
    batch = getattr(method, "batch_size", 1)
    needed = estimated_bytes(teacher.network, student, teacher.card.input_size, batch)
    if needed > MUCH_MEMORY:
        tell(f"A round needs about {needed / 1e9:.1f} GB, less with a smaller batch size.")


def _open(
    play: Play,
    folder: RunFolder,
    card: Card,
    settings: dict[str, Any],
    resumed: bool,
    overwrite: bool,
) -> None:
    """Let a play write to a folder, and go on from what is there."""
    play.writer = FolderWriter(
        folder, card, settings, play.normalisation, resumed=resumed, overwrite=overwrite
    )
    play.memories = folder.memories
    if not resumed:
        folder.check("distill", overwrite=overwrite)
        return
    play.saved = folder.state()
    done = play.saved["round"] if play.saved else 0
    ended = (folder.path / STUDENT).exists()
    if play.saved and play.run.until and play.run.until < done + (not ended):
        raise UserError(f"{folder.path} is already at round {done}; give a later `until`")
    play.rows = folder.rewind(done)


def _watching(teacher: Teacher, images: ImageData | None) -> tuple[Measure | None, float]:
    """What looks at the student on a test set, and about how long the last look will take."""
    if images is None:
        return None, 0.0
    normalisation = check_data(teacher.card, images)
    start = time.monotonic()
    logits = predict(teacher.network, images.test, normalisation)
    # Three networks are judged, each as large as the teacher at most, and their latency measured.
    return Judge(images.test, normalisation, logits), 3 * (time.monotonic() - start) + 1.0


def _seconds_of_verdict(teacher: Teacher, student: nn.Module, where: Where) -> float:
    """About how long verdict, card and pictures will take: from a verdict on few images."""
    few, kinds = 64, 2
    home = next(student.parameters()).device
    for _ in range(2):
        short = measured(
            teacher.network, student, teacher.card.input_size, teacher.normalisation, where,
            source=None, past=None, average=None, images=few,
        )  # fmt: skip
    student.to(home)
    large = 512 if max(teacher.card.input_size[1:]) <= 64 else 128
    return kinds * large / few * short.seconds + 2.0


def _how_to_go_on(out: Path | None) -> str:
    return f"; its state is saved in {out}; go on with zskt distill --resume {out}" if out else ""


def _finished(
    assignment: Assignment,
    played: Played,
    teacher: Teacher,
    card: Card,
    images: ImageData | None,
    where: Where,
    results: Path | None,
) -> Distilled:
    """Judge what was made; write verdict, evaluation, card, pictures, and the result last."""
    out = assignment.out
    home = next(played.student.parameters()).device
    source = source_of(played.networks.get(played.source or ""))
    verdict = measured(
        teacher.network, played.student, card.input_size, card.normalisation, where,
        source=source, past=read_past_source(RunFolder(out)) if out else None,
        average=played.average,
    )  # fmt: skip
    if out is not None:
        write_verdict(out / VERDICT, verdict, out, where)
    evaluation = None
    if images is not None:
        evaluation = _evaluated(assignment, played, teacher, card, images, where)
    elif out is not None:
        # Its pictures need matplotlib, which no run waits for at its start.
        from zskt.report.finish import finish

        finish(out)
    for network in (played.student, played.average):
        if network is not None:
            network.to(home)
    _write(assignment, played, where, results)
    return Distilled(
        played.student, played.networks, source, played.average, played.history, verdict,
        evaluation, out,
    )  # fmt: skip


def _evaluated(
    assignment: Assignment,
    played: Played,
    teacher: Teacher,
    card: Card,
    images: ImageData,
    where: Where,
) -> Evaluation:
    """The networks of the run on real images."""
    out, normalisation = assignment.out, card.known_normalisation()
    name = f"student {card.architecture or ''}".rstrip()
    contenders = [
        Contender(
            f"teacher {teacher.card.architecture or ''}".rstrip(),
            teacher.network,
            normalisation,
            teacher.file,
        ),
        Contender(name, played.student, normalisation, out / STUDENT if out else None),
    ]
    if played.average is not None:
        file = out / AVERAGE if out else None
        contenders.append(moving_average(played.average, contenders[1], file, where))
    settings = {name: assignment.settings()[name] for name in ("student", "teacher", "data")}
    names = teacher.card.class_names or images.class_names
    start = time.monotonic()
    return judge(contenders, images, names, settings, where, out, None, start=start)


def _write(assignment: Assignment, played: Played, where: Where, results: Path | None) -> None:
    """The result; last, because a run with a result counts as finished."""
    last = played.history[-1]
    rows = [
        {name: value for name, value in row.items() if not isinstance(value, list)}
        for row in played.history
        if "student_accuracy" in row or row is last
    ]
    settings = {**assignment.settings(), **asdict(assignment.method), **asdict(assignment.run)}  # ty: ignore
    write_result(
        assignment.out / RESULT if assignment.out else None, results,
        seeds=[assignment.run.seed], settings=settings, seconds=last["seconds"], rows=rows,
        device=where.name,
    )  # fmt: skip
