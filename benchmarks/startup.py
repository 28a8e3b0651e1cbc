"""How long commands take to start, beside `import torch`.

    uv run python benchmarks/startup.py --out results/startup.json

A command and `python -c "import torch"` run in turn, each in a process of its own, after one of
each to warm up the disk. Each pair gives one ratio; the median is the figure, the extremes its
spread. Ratios are of processor seconds, user and system, which other work on the machine disturbs
less than the clock; those of the clock stand beside them. A bar is the largest ratio allowed.
"""

import argparse
import os
import re
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from zskt.cli.tables import print_table
from zskt.results import write_result

ROOT = Path(__file__).parents[1]
TEACHER = "src/zskt/assets/digits-teacher.safetensors"


@dataclass(frozen=True)
class Case:
    """A line as a user would type it, and what may be asked of it."""

    line: str
    bar: float
    exit_code: int = 0
    may_import_torch: bool = True


CASES = (
    # Help, and a line that is wrong: torch is not even imported.
    Case('python -c "import zskt.cli.app"', 0.5, may_import_torch=False),
    Case("zskt --help", 0.5),
    Case("zskt evaluate", 0.5, 2),
    Case("zskt distill", 0.5, 2),
    Case("zskt distill --teacher T --student wrn-16-1 --out X --rouns 3", 0.5, 2),
    Case("zskt train lenet --data digits", 0.5, 2),
    # What does not train: the whole command.
    Case(f"zskt inspect {TEACHER}", 1.5),
    Case("zskt list", 1.5),
    # What trains: all that a distillation or a training imports.
    Case('python -c "import zskt.jobs.distill_run"', 2.5),
    Case('python -c "from zskt.supervised import loop"', 2.5),
)
TORCH = Case('python -c "import torch"', 1.0)


class Seconds(NamedTuple):
    """What a process took."""

    processor: float
    clock: float


def run(case: Case, folder: Path, *options: str) -> tuple[Seconds, str]:
    """Run a case in a folder; what it took, and what it said on stderr.

    Args:
        case: what is run.
        folder: an empty one, so that no file of the checkout plays a part but those named.
        options: of the interpreter.
    """
    program, *words = shlex.split(case.line.replace(TEACHER, str(ROOT / TEACHER)))
    words = ["-m", "zskt", *words] if program == "zskt" else words
    before, start = used(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *options, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    taken = Seconds(used() - before, time.perf_counter() - start)
    said = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert done.returncode == case.exit_code, "\n".join([case.line, *said])
    return taken, done.stderr


def used() -> float:
    """Processor seconds of the processes that have ended, user and system."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def row_of(case: Case, pairs: int, folder: Path) -> dict[str, Any]:
    """A case beside torch, in turn."""
    # The first run of each writes byte code and reads the disk; it also tells what is imported.
    _, imported = run(case, folder, "-X", "importtime")
    with_torch = re.search(r"\| +torch$", imported, re.MULTILINE) is not None
    run(TORCH, folder)
    torches, cases = [], []
    for _ in range(pairs):
        torches.append(run(TORCH, folder)[0])
        cases.append(run(case, folder)[0])
    ratios = [ours.processor / its.processor for ours, its in zip(cases, torches, strict=True)]
    clocks = [ours.clock / its.clock for ours, its in zip(cases, torches, strict=True)]
    held = median(ratios) <= case.bar and (case.may_import_torch or not with_torch)
    return {
        "command": case.line,
        "imports_torch": "yes" if with_torch else "no",
        "processor_seconds": round(median(each.processor for each in cases), 2),
        "torch_processor_seconds": round(median(each.processor for each in torches), 2),
        "ratio": round(median(ratios), 2),
        "ratio_min": round(min(ratios), 2),
        "ratio_max": round(max(ratios), 2),
        "seconds": round(median(each.clock for each in cases), 2),
        "ratio_of_seconds": round(median(clocks), 2),
        "bar": case.bar,
        "held": "yes" if held else "no",
    }


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=5, help="runs of each case")
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    asked = parser.parse_args(words)
    if asked.pairs < 1:
        parser.error("give one or more --pairs")
    return asked


def main() -> None:
    """Time, print and write."""
    asked = arguments()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        rows = [row_of(case, asked.pairs, Path(folder)) for case in CASES]
    print_table(rows)
    if asked.out:
        settings = {"pairs": asked.pairs, "threads": os.environ.get("OMP_NUM_THREADS")}
        seconds = time.monotonic() - start
        write_result(
            asked.out, seeds=[], settings=settings, seconds=seconds, rows=rows, device="cpu"
        )


if __name__ == "__main__":
    main()
