"""`zskt demo`: the main job from start to finish on the embedded digits, no file and no network."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import Annotated, Any

from zskt.distillation.run import Run
from zskt.jobs import arguments as arg
from zskt.jobs.distill import Distilled, distill
from zskt.jobs.result import Result
from zskt.jobs.train import train
from zskt.methods.replay import Replay
from zskt.seeds import check_seeds
from zskt.supervised.recipe import Recipe

TEACHER = "wrn-16-2"
STUDENT = "wrn-10-1"
TEACHER_RECIPE = Recipe(epochs=40, batch_size=64, padding=1)
METHOD, ROUNDS = Replay(), 30
"""Our own method as it is, about a minute of two cores."""


@dataclass
class Demonstrated(Result):
    """Distillations of the digits."""

    runs: list[Distilled]
    rows: list[dict[str, Any]]
    """One for each seed: shares from 0 to 1 on 450 real scans."""
    seconds: float


@arg.job
def demo(
    *,
    seeds: Annotated[tuple[int, ...], arg.Many] = (0,),
    out: Path | None = None,
    rounds: int = ROUNDS,
    retrain: bool = False,
    device: arg.Device = "auto",
    results: arg.Results = None,
    overwrite: arg.Overwrite = False,
    progress: arg.Progress = True,
) -> Demonstrated:
    """Distil a digit classifier without data and judge the student, in about a minute.

    Args:
        seeds: One run for each.
        out: The run folder; by default the first that is free of runs/demo, runs/demo-2, ...
        rounds: Length of a run; fewer for a quick look.
        retrain: Train the teacher anew instead of taking the one that comes with zskt.

    Returns:
        The runs, and a row for each seed.

    Raises:
        UserError: if the folder is in use.
    """
    start = time.monotonic()
    check_seeds(seeds)
    out = out or _free(Path("runs/demo"))
    run = Run(rounds=rounds, device=device, evaluate_every=max(1, rounds // 10))
    teacher = _shipped_teacher()
    if retrain:
        teacher = train(
            TEACHER, data="digits", out=out / "teacher", recipe=TEACHER_RECIPE, half=True,
            device=device, overwrite=overwrite, progress=progress,
        ).file  # fmt: skip
    folders = [out if len(seeds) == 1 and not retrain else out / f"seed-{each}" for each in seeds]
    runs, rows = [], []
    for seed, folder in zip(seeds, folders, strict=True):
        if progress:
            print(f"Distilling {TEACHER} into {STUDENT} with seed {seed}, without data.")
        began = time.monotonic()
        untrained = _untrained_accuracy(seed, teacher)
        distilled = distill(
            teacher, STUDENT, out=folder, method=METHOD, run=replace(run, seed=seed),
            data="digits", overwrite=overwrite, progress=progress,
        )  # fmt: skip
        runs.append(distilled)
        rows.append(_row(distilled, untrained, seed, rounds, time.monotonic() - began))
    demonstrated = Demonstrated(runs, rows, time.monotonic() - start)
    if results is not None:
        _write(results, demonstrated, seeds, rounds, device)
    return demonstrated


def _shipped_teacher() -> Path:
    """Where the package lies on the disk; it is never run from an archive."""
    return Path(__file__).parents[1] / "assets" / "digits-teacher.safetensors"


def _untrained_accuracy(seed: int, teacher: Path) -> float:
    """Of the student as the run will start it, on the test digits."""
    import torch

    from zskt.data import load_data
    from zskt.measure.accuracy import accuracy, predict
    from zskt.model_file import read_classifier_card
    from zskt.networks import create

    card, digits = read_classifier_card(teacher), load_data("digits")
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        student = create(STUDENT, classes=digits.classes, input_size=digits.input_size)
    logits = predict(student, digits.test, card.known_normalisation())
    return accuracy(logits, digits.test.labels)


def _row(
    distilled: Distilled, untrained: float, seed: int, rounds: int, seconds: float
) -> dict[str, Any]:
    assert distilled.evaluation is not None
    teacher, student = distilled.evaluation.rows[:2]
    return {
        "seed": seed,
        "teacher_accuracy": teacher["accuracy"],
        "student_accuracy": student["accuracy"],
        "untrained_accuracy": untrained,
        "agreement": student["agreement"],
        "rounds": rounds,
        "seconds": round(seconds, 1),
    }


def _write(
    results: Path, demonstrated: Demonstrated, seeds: tuple[int, ...], rounds: int, device: str
) -> None:
    from zskt.devices import resolve
    from zskt.results import write_result

    settings = {"teacher": TEACHER, "student": STUDENT, "rounds": rounds, **asdict(METHOD)}
    write_result(
        results, seeds=seeds, settings=settings, seconds=demonstrated.seconds,
        rows=demonstrated.rows, device=resolve(device).name,
    )  # fmt: skip


def _free(path: Path) -> Path:
    """The path, or with -2, -3, ... the first that does not exist."""
    candidates = chain([path], (path.with_name(f"{path.name}-{number}") for number in count(2)))
    return next(candidate for candidate in candidates if not candidate.exists())
