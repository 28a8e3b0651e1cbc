"""`zskt demo`: the main job from start to finish on the embedded digits, no file and no network."""

import copy
import time
from dataclasses import asdict, replace
from importlib.resources import as_file, files
from itertools import chain, count
from pathlib import Path
from typing import Annotated, Any

import torch
from cyclopts import Parameter
from torch import nn

from zskt.commands.evaluate import leave
from zskt.commands.table import print_rows
from zskt.commands.train import train_command
from zskt.commands.verdict import tell_verdict
from zskt.comparison import Contender, compare, normalisation_of
from zskt.data import load_data
from zskt.evaluation import Judge, predict
from zskt.methods import ZSKT
from zskt.model_file import load, network_file, read_card
from zskt.networks import create
from zskt.results import command, write_result
from zskt.training.distill import distill
from zskt.training.run import Run
from zskt.training.run_folder import RunFolder
from zskt.training.train import Recipe

TEACHER = "wrn-16-2"
STUDENT = "wrn-10-1"
TEACHER_RECIPE = Recipe(epochs=40, batch_size=64, padding=1)
ROUNDS = 400
METHOD = ZSKT(fresh_noise=True, attention=0.0, generator_width=64)
"""The published method, with settings for 8x8 images and for less than two minutes on two cores.

They were chosen by agreement on the *training* digits, with other seeds than the demo's.
"""


def demo_command(
    *,
    seeds: Annotated[tuple[int, ...], Parameter(consume_multiple=True)] = (0,),
    out: Path | None = None,
    rounds: int = ROUNDS,
    retrain: bool = False,
    results: Path | None = None,
    overwrite: bool = False,
) -> None:
    """Distil a digit classifier into a smaller one without data, then judge it on real digits.

    Args:
        seeds: one run for each.
        out: the run folder; by default the first that is free of runs/demo, runs/demo-2, ...
        rounds: turns of the game; fewer for a quick look.
        retrain: train the teacher anew instead of taking the one that comes with zskt.
        results: a file for all seeds' results as JSON.
        overwrite: replace runs that are already in the folder.
    """
    start = time.monotonic()
    out = out or _free(Path("runs/demo"))
    if retrain:
        train_command(
            TEACHER, data="digits", out=out / "teacher", recipe=TEACHER_RECIPE, half=True,
            overwrite=overwrite,
        )  # fmt: skip
    with as_file(files("zskt") / "assets" / "digits-teacher.safetensors") as shipped:
        teacher = network_file(out / "teacher") if retrain else shipped
        folders = [out if len(seeds) == 1 and not retrain else out / f"seed-{s}" for s in seeds]
        rows = [
            _distil_and_judge(teacher, folder, Run(rounds=rounds, seed=seed), overwrite)
            for seed, folder in zip(seeds, folders, strict=True)
        ]
    if results is not None:
        settings = {"teacher": TEACHER, "student": STUDENT, "rounds": rounds, **asdict(METHOD)}
        seconds = time.monotonic() - start
        write_result(results, seeds=seeds, settings=settings, seconds=seconds, rows=rows)


def _distil_and_judge(
    teacher_file: Path, folder: Path, run: Run, overwrite: bool
) -> dict[str, Any]:
    """The whole job with one seed; returns the row of its result."""
    start = time.monotonic()
    card = read_card(teacher_file)
    teacher = load(teacher_file)
    assert card.classes is not None
    torch.manual_seed(run.seed)
    student = create(STUDENT, classes=card.classes, input_size=card.input_size)
    untrained = copy.deepcopy(student)
    snapshots: dict[int, dict[str, torch.Tensor]] = {}

    def keep(number: int, student: nn.Module) -> dict[str, float]:
        snapshots[number] = copy.deepcopy(student.state_dict())
        return {}

    print(f"Distilling {TEACHER} into {STUDENT} with seed {run.seed}, without data.")
    distilled = distill(
        teacher, student, input_size=card.input_size, method=METHOD,
        run=replace(run, evaluate_every=max(1, run.rounds // 40)), measure=keep,
        out=folder, overwrite=overwrite, card=replace(card, architecture=STUDENT),
        about={"command": command(), "command_name": "demo"},
    )  # fmt: skip

    tell_verdict(folder, teacher, run.device)

    # Only now is a real image looked at.
    data = load_data("digits")
    normalisation = normalisation_of(card)
    judge = Judge(data.test, normalisation, predict(teacher, data.test, normalisation))
    past = copy.deepcopy(student)
    for number, weights in snapshots.items():
        past.load_state_dict(weights)
        RunFolder(folder).record({"round": number, **judge(number, past)})
    contenders = [
        Contender(f"teacher {TEACHER}", teacher, normalisation, teacher_file),
        Contender(f"student {STUDENT}", student, normalisation, folder / "student.safetensors"),
        Contender(f"untrained {STUDENT}", untrained, normalisation),
    ]
    if distilled.average is not None:
        contenders.append(Contender("its moving average", distilled.average, normalisation))
    rows, confused = compare(contenders[0], contenders[1:], data.test)
    print_rows(rows)
    settings = {"teacher": TEACHER, "student": STUDENT, "data": "digits", "seed": run.seed}
    seconds = time.monotonic() - start
    leave(folder, None, settings, data.class_names, confused, rows, seconds)
    return {
        "seed": run.seed,
        "teacher_accuracy": rows[0]["accuracy"],
        "student_accuracy": rows[1]["accuracy"],
        "untrained_accuracy": rows[2]["accuracy"],
        "agreement": rows[1]["agreement"],
        "rounds": run.rounds,
        "seconds": round(time.monotonic() - start, 1),
    }


def _free(path: Path) -> Path:
    """The path, or with -2, -3, ... the first that does not exist."""
    candidates = chain([path], (path.with_name(f"{path.name}-{number}") for number in count(2)))
    return next(candidate for candidate in candidates if not candidate.exists())
