"""`zskt signals`: what can be measured of a finished run without data."""

import time
from pathlib import Path

from zskt.commands.finished_run import generator_of, teacher_of
from zskt.commands.table import print_table
from zskt.errors import UserError
from zskt.model_file import AVERAGE, load, read_card
from zskt.networks.generator import Generator
from zskt.results import write_result
from zskt.training.run_folder import RunFolder
from zskt.verdict.signals import IMAGES, SEED, signals


def signals_command(
    run: Path,
    *,
    teacher: str | None = None,
    images: int = IMAGES,
    allow_code: bool = False,
    results: Path | None = None,
) -> None:
    """Measure a finished run without data: where and how far student and teacher agree.

    Args:
        run: the folder of a zskt distill run.
        teacher: the run's teacher, if it has moved.
        images: how many of each kind are looked at.
        allow_code: run the code that made the networks, where it is the user's.
        results: a file for the numbers as JSON.
    """
    start = time.monotonic()
    if images < 2:
        raise UserError(f"--images must be 2 or more, not {images}")
    found = signals_of(run, teacher, images=images, allow_code=allow_code)
    print_table([{"signal": name, "value": value} for name, value in found.items()])
    if results is not None:
        settings = {"run": str(run), "images": images}
        seconds = time.monotonic() - start
        write_result(None, results, seeds=[SEED], settings=settings, seconds=seconds, rows=[found])


def signals_of(
    run: Path, teacher: str | None = None, *, images: int = IMAGES, allow_code: bool = False
) -> dict[str, float]:
    """The signals of a run folder.

    Raises:
        UserError: if it holds no finished run with a generator, or the teacher is not the run's.
    """
    folder = RunFolder(run)
    file = generator_of(run)
    taught = teacher_of(run, teacher, allow_code=allow_code)
    last = folder.metrics()[-1]["round"]
    kept = sorted(folder.snapshots.glob("generator-*.safetensors"))
    past = [each for each in kept if int(each.stem.rpartition("-")[2]) < last]
    generator, *before = (load(each) for each in (file, *past))
    assert isinstance(generator, Generator)
    average = run / AVERAGE
    return signals(
        taught.network,
        load(run, allow_code=allow_code),
        generator,
        bounds=read_card(file).bounds,
        past=[each for each in before if isinstance(each, Generator)],
        average=load(average, allow_code=allow_code) if average.is_file() else None,
        images=images,
    )
