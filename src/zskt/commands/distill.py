"""`zskt distill`: a student from a teacher, without any data."""

import hashlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import torch
from cyclopts import Parameter

from zskt.commands.evaluate import evaluate_command
from zskt.comparison import check_fits, normalisation_of
from zskt.data import load_data
from zskt.devices import resolve
from zskt.errors import UserError
from zskt.evaluation import Judge, predict
from zskt.methods import ZSKT
from zskt.model_file import load, network_file, read_classifier_card
from zskt.networks import create
from zskt.pictures.run import draw_run
from zskt.results import command, write_result
from zskt.training.distill import distill
from zskt.training.run import Run
from zskt.training.run_folder import RunFolder
from zskt.training.stopping import Stopped


def distill_command(
    *,
    teacher: Path | None = None,
    student: str | None = None,
    out: Path | None = None,
    resume: Path | None = None,
    method: Annotated[ZSKT, Parameter(name="*")] = ZSKT(),
    run: Annotated[Run, Parameter(name="*")] = Run(),
    data: str | None = None,
    data_dir: Path | None = None,
    overwrite: bool = False,
    results: Path | None = None,
) -> None:
    """Train a student to match a teacher without any data.

    Args:
        teacher: a model file or the run folder of `zskt train`.
        student: a network that `zskt list` shows.
        out: the run folder to write.
        resume: go on with this run and its own settings.
        method: settings of the method.
        run: settings of the run.
        data: a test set to watch the student on; nothing is learnt from it.
        data_dir: where public data sets lie; by default the folder data.
        overwrite: replace a run that is already in the folder.
        results: a further file for the result as JSON.
    """
    digest = None
    if resume is not None:
        if student or out or method != ZSKT() or replace(run, until=None, device="auto") != Run():
            raise UserError(
                "--resume takes the run's own settings; besides it, only --until, --device, "
                "--teacher and --data-dir may be given"
            )
        asked = RunFolder(resume).settings()
        if asked.get("command_name") != "distill":
            raise UserError(f"{resume} was not made by zskt distill; start it anew")
        out, student, digest, data = (
            resume,
            asked["student"],
            asked["teacher_sha256"],
            asked["data"],
        )
        teacher = teacher or Path(asked["teacher_path"])
        data_dir = data_dir or Path(asked["data_dir"])
        method = ZSKT(**asked["method_settings"])
        run = replace(Run(**asked["run"]), until=run.until, device=run.device)
    if teacher is None or student is None or out is None:
        raise UserError("give --teacher, --student and --out, or --resume RUN")
    data_dir = data_dir or Path("data")

    file = network_file(teacher).resolve()
    if out.resolve() in file.parents:
        raise UserError(f"the teacher lies in {out}; give another --out")
    card = read_classifier_card(file)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest not in (None, sha256):
        raise UserError(f"{file} is not the teacher that {resume} was started with")
    teacher_network = load(file)
    assert card.classes is not None
    torch.manual_seed(run.seed)
    student_network = create(student, classes=card.classes, input_size=card.input_size)

    measure = None
    if data is not None:
        test = load_data(data, data_dir).test
        check_fits(test, card)
        normalisation = normalisation_of(card)
        measure = Judge(test, normalisation, predict(teacher_network, test, normalisation))
    settings = {"teacher": str(teacher), "teacher_sha256": sha256, "student": student}
    settings |= {"method": "zskt", "data": data, "data_dir": str(data_dir.resolve())}
    try:
        result = distill(
            teacher_network,
            student_network,
            input_size=card.input_size,
            method=method,
            run=run,
            out=out,
            resume=resume is not None,
            overwrite=overwrite,
            measure=measure,
            card=replace(card, architecture=student),
            about={
                "command": command(),
                "command_name": "distill",
                "teacher_path": str(file),
                **settings,
            },
        )
    except Stopped as stop:
        raise Stopped(f"{stop}; go on with zskt distill --resume {out}") from None
    del settings["data_dir"]
    last = result.history[-1]
    write_result(
        out / "result.json",
        results,
        seeds=[run.seed],
        settings={**settings, **asdict(method), **asdict(run)},
        seconds=last["seconds"],
        rows=[row for row in result.history if "student_accuracy" in row] or [last],
        device=resolve(run.device, run.precision)[0],
    )
    print(f"student: {out / 'student.safetensors'} after {last['round']} rounds")
    if data is not None:
        evaluate_command(out, teacher=file, data=data, data_dir=data_dir)
    else:
        draw_run(RunFolder(out))
