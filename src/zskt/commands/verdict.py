"""`zskt verdict`: how good a finished run's student seems, told without data."""

import time
from pathlib import Path

from torch import nn

from zskt.commands.finished_run import past_generators, teacher_of
from zskt.commands.table import print_table
from zskt.errors import UserError
from zskt.model_file import AVERAGE, Card, load, read_classifier_card
from zskt.networks.generator import Generator
from zskt.results import write_result
from zskt.training.distill import Distilled
from zskt.training.run_folder import RunFolder
from zskt.verdict.judgement import Verdict, judged
from zskt.verdict.signals import IMAGES, SEED, signals


def verdict_command(
    run: Path,
    *,
    teacher: str | None = None,
    images: int = IMAGES,
    allow_code: bool = False,
    results: Path | None = None,
) -> None:
    """Tell how good a finished run's student seems without data: good, doubtful or failed, and why.

    Args:
        run: the folder of a zskt distill run.
        teacher: the run's teacher, if it has moved.
        images: how many of each kind student and teacher are compared on.
        allow_code: run the code that made the networks, where it is the user's.
        results: a file for the numbers as JSON.
    """
    start = time.monotonic()
    if images < 2:
        raise UserError(f"--images must be 2 or more, not {images}")
    found = signals_of(run, teacher, images=images, allow_code=allow_code)
    print_table([{"signal": name, "value": value} for name, value in found.items()])
    print(judged(found))
    if results is not None:
        _write(results, run, found, images, time.monotonic() - start)


def tell_verdict(run: Path, teacher: nn.Module, distilled: Distilled, card: Card) -> Verdict:
    """Print the verdict on a run that has just ended, and leave it there with its signals."""
    start = time.monotonic()
    generator = distilled.generator
    found = signals(
        teacher,
        distilled.student,
        card,
        generator=generator if isinstance(generator, Generator) else None,
        past=past_generators(run),
        average=distilled.average,
    )
    _write(run / "verdict.json", run, found, IMAGES, time.monotonic() - start)
    verdict = judged(found)
    print(verdict)
    return verdict


def signals_of(
    run: Path, teacher: str | None = None, *, images: int = IMAGES, allow_code: bool = False
) -> dict[str, float]:
    """The signals of a run folder.

    Raises:
        UserError: if it holds no finished run, or the teacher is not the run's.
    """
    student = run / "student.safetensors"
    if RunFolder(run).settings().get("command_name") != "distill" or not student.is_file():
        raise UserError(f"{run} has no student; give the folder of a finished zskt distill run")
    taught = teacher_of(run, teacher, allow_code=allow_code)
    generator, average = run / "generator.safetensors", run / AVERAGE
    drawing = load(generator) if generator.is_file() else None
    assert drawing is None or isinstance(drawing, Generator)
    return signals(
        taught.network,
        load(student, allow_code=allow_code),
        read_classifier_card(student),
        generator=drawing,
        past=past_generators(run),
        average=load(average, allow_code=allow_code) if average.is_file() else None,
        images=images,
    )


def _write(file: Path, run: Path, found: dict[str, float], images: int, seconds: float) -> None:
    row = {**judged(found)._asdict(), **found}
    settings = {"run": str(run), "images": images}
    write_result(file, seeds=[SEED], settings=settings, seconds=seconds, rows=[row])
