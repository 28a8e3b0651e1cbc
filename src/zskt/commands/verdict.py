"""`zskt verdict`: how good a finished run's student seems, told without data."""

import time
from pathlib import Path

from torch import nn

from zskt.commands.finished_run import drawing_of, past_generators, teacher_of
from zskt.commands.table import print_table
from zskt.devices import make_fabric
from zskt.errors import UserError
from zskt.model_file import AVERAGE, load, read_classifier_card
from zskt.results import write_result
from zskt.verdict.judgement import Verdict, judged
from zskt.verdict.signals import SEED, signals


def verdict_command(
    run: Path,
    *,
    teacher: str | None = None,
    images: int | None = None,
    allow_code: bool = False,
    results: Path | None = None,
) -> None:
    """Tell how good a finished run's student seems without data: good, doubtful or failed, and why.

    Args:
        run: the folder of a zskt distill run.
        teacher: the run's teacher, if it has moved.
        images: how many of each kind student and teacher are compared on; by default 512, of
            those above 64x64 pixels 128.
        allow_code: run the code that made the networks, where it is the user's.
        results: a file for the numbers as JSON.
    """
    start = time.monotonic()
    if images is not None and images < 2:
        raise UserError(f"--images must be 2 or more, not {images}")
    found = signals_of(run, teacher, images=images, allow_code=allow_code)
    print_table([{"signal": name, "value": value} for name, value in found.items()])
    print(judged(found))
    if results is not None:
        _write(results, run, found, images, time.monotonic() - start)


def tell_verdict(run: Path, teacher: nn.Module, device: str) -> Verdict:
    """Print the verdict on a run that has just ended, and leave it there with its signals."""
    start = time.monotonic()
    found = measured(run, teacher, device=device, allow_code=True)
    _write(run / "verdict.json", run, found, None, time.monotonic() - start)
    verdict = judged(found)
    print(verdict)
    return verdict


def signals_of(
    run: Path, teacher: str | None = None, *, images: int | None = None, allow_code: bool = False
) -> dict[str, float]:
    """The signals of a run folder.

    Raises:
        UserError: if it holds no finished run, or the teacher is not the run's.
    """
    taught = teacher_of(run, teacher, allow_code=allow_code)
    if not (run / "student.safetensors").is_file():
        raise UserError(f"{run} has no student; give the folder of a finished zskt distill run")
    return measured(run, taught.network, images=images, allow_code=allow_code)


def measured(
    run: Path,
    teacher: nn.Module,
    *,
    images: int | None = None,
    allow_code: bool = False,
    device: str = "cpu",
) -> dict[str, float]:
    """The signals of a run folder beside its teacher, which is moved to the device."""
    student, average = run / "student.safetensors", run / AVERAGE
    where = make_fabric(device, "32").device
    return signals(
        teacher.to(where),
        load(student, allow_code=allow_code).to(where),
        read_classifier_card(student),
        generator=drawing_of(run / "generator.safetensors"),
        past=past_generators(run),
        average=load(average, allow_code=allow_code).to(where) if average.is_file() else None,
        images=images,
    )


def _write(
    file: Path, run: Path, found: dict[str, float], images: int | None, seconds: float
) -> None:
    row = {**judged(found)._asdict(), **found}
    settings = {"run": str(run), "images": images}
    write_result(file, seeds=[SEED], settings=settings, seconds=seconds, rows=[row])
