"""`zskt distill`: a student from a teacher, without any data."""

import json
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
from cyclopts import Parameter
from torch import nn

from zskt.commands.evaluate import evaluate_command
from zskt.commands.teacher_options import (
    TeacherOptions,
    Words,
    check_code,
    keep_apart,
    of_run,
)
from zskt.commands.verdict import tell_verdict
from zskt.comparison import check_fits, normalisation_of
from zskt.data import load_data
from zskt.devices import resolve
from zskt.errors import UserError, unknown
from zskt.evaluation import Judge, predict
from zskt.exports.model_card import model_card
from zskt.files import write_atomically
from zskt.game import Method
from zskt.methods import METHODS, ZSKT
from zskt.model_file import load_weights, read_classifier_card
from zskt.networks import create
from zskt.networks.factory import parsed
from zskt.networks.generator import Generator
from zskt.networks.shrink import shrunk
from zskt.pictures.run import draw_run
from zskt.results import command, write_result
from zskt.teachers.inspection import check_teacher
from zskt.training.compatibility import count_classes
from zskt.training.distill import Distilled, distill
from zskt.training.memory import bytes_of_a_round
from zskt.training.run import Run
from zskt.training.run_folder import RunFolder
from zskt.training.stopping import Stopped

TOLD_FROM = 1_000_000_000
"""Bytes of memory from which it is told."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What one distillation is asked to do."""

    teacher: str
    options: TeacherOptions
    student: str
    arguments: dict[str, Any]
    init: Path | None
    out: Path
    name: str
    method: Method
    run: Run
    data: str | None
    data_dir: Path
    digest: str | None = None
    """Of the teacher's file, if it has to be a certain one."""
    resume: bool = False


def distill_command(
    *,
    teacher: str | None = None,
    options: Annotated[TeacherOptions, Parameter(name="*")] = TeacherOptions(),
    student: str | None = None,
    student_arg: Words = (),
    student_init: Path | None = None,
    out: Path | None = None,
    resume: Path | None = None,
    method: str = "zskt",
    settings: Annotated[ZSKT, Parameter(name="*")] = ZSKT(),
    run: Annotated[Run, Parameter(name="*")] = Run(),
    data: str | None = None,
    data_dir: Path | None = None,
    overwrite: bool = False,
    results: Path | None = None,
) -> None:
    """Train a student to match a teacher without any data.

    Args:
        teacher: a model file, the run folder of `zskt train`, an .onnx, TorchScript .pt or
            torch.export .pt2 file, timm:NAME, torchvision:NAME, hf:REPO or package.module:factory.
        options: what the teacher does not tell.
        student: a network that `zskt list` shows.
        student_arg: arguments, name=value, for the student's factory or library.
        student_init: a model file or run folder whose weights the student starts from.
        out: the run folder to write.
        resume: go on with this run and its own settings.
        method: a method that `zskt list` shows.
        settings: settings of the method.
        run: settings of the run.
        data: a test set to watch the student on; nothing is learnt from it.
        data_dir: where public data sets lie; by default the folder data.
        overwrite: replace a run that is already in the folder.
        results: a further file for the result as JSON.
    """
    if resume is not None:
        trust = options.allow_code
        given = student, student_arg, student_init, out, data
        given += (replace(options, allow_code=False) != TeacherOptions(),)
        if any(given) or settings != ZSKT() or method != "zskt" or not _only_how(run):
            raise UserError(
                "--resume takes the run's own settings; besides it, only --until, --device, "
                "--teacher, --data-dir and --allow-code may be given"
            )
        job = _resumed(resume, run, teacher, data_dir, allow_code=trust)
    elif teacher is None or student is None or out is None:
        raise UserError("give --teacher, --student and --out, or --resume RUN")
    else:
        chosen = _chosen(method, settings)
        job = Job(
            teacher=teacher, options=options, student=student, arguments=parsed(student_arg),
            init=student_init, out=out, name=method, method=chosen, run=run, data=data,
            data_dir=data_dir or Path("data"),
        )  # fmt: skip
    _report(job, *_distil(job, overwrite=overwrite), results)


def _only_how(run: Run) -> bool:
    """Whether nothing is asked for but how far and where to play."""
    return replace(run, until=None, device="auto") == Run()


def _chosen(name: str, settings: ZSKT) -> Method:
    """A method by its name, with those of the settings on the command line that it has."""
    if name not in METHODS:
        raise unknown("method", name, METHODS)
    known = {field.name for field in fields(METHODS[name])}
    for setting, value in asdict(settings).items():
        if setting not in known and value != getattr(ZSKT, setting):
            flag = setting.replace("_", "-")
            raise UserError(f"--{flag} is no setting of the method {name}; leave it out")
    return METHODS[name](**{setting: getattr(settings, setting) for setting in known})


def _resumed(
    folder: Path, run: Run, teacher: str | None, data_dir: Path | None, *, allow_code: bool
) -> Job:
    """The job that a run folder was started with."""
    asked = RunFolder(folder).settings()
    if asked.get("command_name") != "distill":
        raise UserError(f"{folder} was not made by zskt distill; start it anew")
    source, options = of_run(asked, teacher, allow_code=allow_code)
    check_code(asked["student"], allow_code=allow_code)
    # Before its first checkpoint a run starts again from what it was started with.
    init = None if RunFolder(folder).checkpoint_file.exists() else asked.get("student_init")
    # A run of before it was kept has no moving average.
    played: dict[str, Any] = {"average_over": 0.0, **asked["run"]}
    return Job(
        teacher=source,
        options=options,
        student=asked["student"],
        arguments=asked.get("student_arguments", {}),
        init=Path(init) if init else None,
        out=folder,
        name=asked["method"],
        method=METHODS[asked["method"]](**asked["method_settings"]),
        run=replace(Run(**played), until=run.until, device=run.device),
        data=asked["data"],
        data_dir=data_dir or Path(asked["data_dir"]),
        digest=asked["teacher_sha256"],
        resume=True,
    )


def _distil(job: Job, *, overwrite: bool) -> tuple[nn.Module, Distilled]:
    """Build the networks and play."""
    keep_apart(job.out, Path(job.teacher), job.options.weights, job.init)
    taught = job.options.load(job.teacher)
    if job.digest not in (None, taught.digest):
        raise UserError(f"{taught.source} is not the teacher that {job.out} was started with")
    teacher, card = taught.network, taught.card
    check_teacher(taught)
    for note in taught.notes:
        print(f"{job.teacher}: {note}")
    assert card.classes is not None
    like = {"classes": card.classes, "input_size": card.input_size}
    name = job.student
    if name.startswith("shrink:"):
        name = shrunk(card.architecture, job.student, partial(create, **like))
        print(f"student: {name}")
    torch.manual_seed(job.run.seed)
    student = create(name, **like, arguments=job.arguments)
    if job.init is not None:
        load_weights(job.init, student)
    count_classes(teacher, student, card.input_size)
    if isinstance(job.method, ZSKT):
        _tell_memory(job.method, teacher, student, card.input_size)
    measure = None
    if job.data is not None:
        test = load_data(job.data, job.data_dir).test
        check_fits(test, card)
        normalisation = normalisation_of(card)
        measure = Judge(test, normalisation, predict(teacher, test, normalisation))
    about = {"command": command(), "command_name": "distill", "teacher_sha256": taught.digest}
    about |= {"teacher_path": _resolved(job.teacher)}
    about |= {"data_dir": str(job.data_dir.resolve()), **_asked(job), "student": name}
    try:
        return teacher, distill(
            teacher,
            student,
            input_size=card.input_size,
            method=job.method,
            run=job.run,
            out=job.out,
            resume=job.resume,
            overwrite=overwrite,
            measure=measure,
            card=replace(card, architecture=name, arguments=job.arguments or None),
            about=about,
        )
    except Stopped as stop:
        raise Stopped(f"{stop}; go on with zskt distill --resume {job.out}") from None


def _asked(job: Job) -> dict[str, Any]:
    """The part of the settings that is neither the method's nor the run's."""
    asked: dict[str, Any] = {"teacher": job.teacher, "teacher_options": job.options.plain()}
    asked |= {"student": job.student, "student_arguments": job.arguments}
    asked |= {"student_init": str(job.init.resolve()) if job.init else None}
    return {**asked, "method": job.name, "data": job.data}


def _resolved(source: str) -> str:
    """A place that means the same from another folder."""
    hub = "hf:" if source.startswith("hf:") else ""
    place = Path(source.removeprefix(hub))
    return f"{hub}{place.resolve()}" if place.exists() else source


def _tell_memory(
    method: ZSKT, teacher: nn.Module, student: nn.Module, input_size: tuple[int, int, int]
) -> None:
    """Print what a round needs, if it is much."""
    drawing = Generator(
        input_size, method.noise_size, method.generator_width, method.generator_depth
    )
    needed = bytes_of_a_round(drawing, teacher, student, method.batch_size)
    if needed > TOLD_FROM:
        print(f"A round needs up to {needed / 1e9:.1f} GB, less with a smaller --batch-size.")


def _report(job: Job, teacher: nn.Module, distilled: Distilled, results: Path | None) -> None:
    """Tell how good the student seems, write the result and pictures, judge it on a test set."""
    last, folder = distilled.history[-1], RunFolder(job.out)
    print(f"student: {job.out / 'student.safetensors'} after {last['round']} rounds")
    card = read_classifier_card(job.out / "student.safetensors")
    verdict = tell_verdict(job.out, teacher, job.run.device)
    if job.data is not None:
        evaluate_command(
            job.out, teacher=job.teacher, options=replace(job.options, allow_code=True),
            data=job.data, data_dir=job.data_dir,
        )  # fmt: skip
    else:
        draw_run(folder)
    judged = json.loads((job.out / "evaluation.json").read_text())["rows"] if job.data else []
    text = model_card(folder.settings(), card, last, distilled.student, verdict, judged)
    write_atomically(job.out / "README.md", text)
    # Last, because a run with a result counts as finished.
    write_result(
        job.out / "result.json",
        results,
        seeds=[job.run.seed],
        settings={**_asked(job), **asdict(job.method), **asdict(job.run)},  # ty: ignore
        seconds=last["seconds"],
        rows=[
            _figures(row) for row in distilled.history if "student_accuracy" in row or row is last
        ],
        device=resolve(job.run.device, job.run.precision)[0],
    )


def _figures(row: dict[str, Any]) -> dict[str, Any]:
    """A recorded row without its histograms."""
    return {name: value for name, value in row.items() if not isinstance(value, list)}
