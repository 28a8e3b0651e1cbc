"""`zskt toy`: the paper's two-dimensional experiment from start to finish, with its pictures."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import torch
from cyclopts import Parameter

from zskt.pictures.toy import draw_toy
from zskt.results import command, machine, versions, write_result
from zskt.toy.experiment import experiment
from zskt.toy.game import Toy
from zskt.training.progress import ProgressLine
from zskt.training.run_folder import RunFolder


def toy_command(
    *,
    out: Path,
    toy: Annotated[Toy, Parameter(name="*")] = Toy(),
    overwrite: bool = False,
    results: Path | None = None,
) -> None:
    """Play the game in the plane, where every point of it can be seen: the paper's Fig. 1.

    Args:
        out: the folder to write: panels.png, toy.gif, metrics.jsonl and result.json.
        toy: settings of the experiment.
        overwrite: replace a run that is already in the folder.
        results: a further file for the result as JSON.
    """
    start = time.monotonic()
    folder = RunFolder(out)
    about = {"command": command(), "command_name": "toy", "versions": versions()}
    with quick_small_steps():
        folder.create({**about, "machine": machine(), **asdict(toy)}, overwrite=overwrite)
        with ProgressLine("rounds", toy.rounds) as line:

            def record(row: dict[str, Any]) -> None:
                folder.record({**row, "seconds": round(time.monotonic() - start, 1)})
                line.show(row)
                line.advance(row["round"])

            outcome = experiment(toy, record)
        for picture in draw_toy(out, outcome):
            print(picture)
        seconds = time.monotonic() - start
        row = {"seed": toy.seed, **outcome.figures, "rounds": toy.rounds}
        write_result(
            folder.result_file,
            results,
            seeds=[toy.seed],
            settings=asdict(toy),
            seconds=seconds,
            rows=[{**row, "seconds": round(seconds, 1)}],
        )
    print(
        f"teacher {row['teacher_accuracy']:.2%} and student {row['student_accuracy']:.2%} right "
        f"on test data (untrained {row['untrained_accuracy']:.2%}); they agree on "
        f"{row['test_agreement']:.2%} of it and on {row['plane_agreement']:.2%} of the plane; "
        f"{seconds:.0f} s"
    )


@contextmanager
def quick_small_steps() -> Generator[None]:
    """One thread, and numbers too small for full precision taken as zero; both put back after.

    Over such small matrices two threads wait for each other. A teacher that is sure of itself
    makes probabilities below 1e-38, on which processors are slow.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.set_flush_denormal(False)
