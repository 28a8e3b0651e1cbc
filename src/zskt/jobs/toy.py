"""`zskt toy`: the paper's two-dimensional experiment from start to finish, with its pictures."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from zskt.jobs import arguments as arg
from zskt.jobs.result import Result
from zskt.plane.settings import Toy


@dataclass
class Toyed(Result):
    """The outcome of a game in the plane."""

    row: dict[str, Any]
    """Accuracies on the test points, agreements there and on the plane, all 0 to 1."""
    pictures: list[Path]
    seconds: float


@arg.job
def toy(
    *,
    out: arg.RunDir,
    toy: Annotated[Toy, arg.Flat] = Toy(),
    overwrite: arg.Overwrite = False,
    results: arg.Results = None,
    progress: arg.Progress = True,
) -> Toyed:
    """Play the game in the plane, where every point of it can be seen: the paper's Fig. 1.

    Args:
        toy: Settings of the experiment.

    Returns:
        Accuracies and agreements; the folder holds panels.png, toy.gif, metrics.jsonl, result.json.

    Raises:
        UserError: if the folder is in use or the game is no longer finite.
    """
    start = time.monotonic()

    from zskt.devices import Where
    from zskt.jobs.loading import new_run
    from zskt.plane.experiment import experiment
    from zskt.progress import ProgressLine
    from zskt.reports.toy import draw_toy
    from zskt.results import write_result

    where = Where("cpu", "32")
    with quick_small_steps():
        folder = new_run(out, "toy", asdict(toy), where, overwrite=overwrite)
        with ProgressLine("rounds", toy.rounds, shown=progress) as line:

            def record(row: dict[str, Any]) -> None:
                folder.record({**row, "seconds": round(time.monotonic() - start, 1)})
                line.show(row)
                line.advance(row["round"])

            outcome = experiment(toy, record)
        pictures = draw_toy(out, outcome)
        seconds = time.monotonic() - start
        row = {"seed": toy.seed, **outcome.figures, "rounds": toy.rounds}
        row |= {"seconds": round(seconds, 1)}
        write_result(
            folder.result_file, results, seeds=[toy.seed], settings=asdict(toy), seconds=seconds,
            rows=[row], device=where.name,
        )  # fmt: skip
    return Toyed(row, pictures, seconds)


@contextmanager
def quick_small_steps() -> Generator[None]:
    """One thread, and numbers too small for full precision taken as zero; both put back after.

    Over such small matrices two threads wait for each other. A teacher that is sure of itself
    makes probabilities below 1e-38, on which processors are slow.
    """
    import torch

    threads = torch.get_num_threads()
    # The one way to ask: whether half of the smallest normal number is already taken as zero.
    flushed = (torch.tensor(1.2e-38) / 2).item() == 0
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(flushed)
