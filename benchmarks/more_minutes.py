"""Does a run's own curve tell what more minutes would bring?

    uv run python benchmarks/more_minutes.py results/leaderboard/*.json --out more-minutes.json

Takes pairs of runs whose settings differ in their minutes alone. The short one's curve of accuracy
is drawn on: a line over the logarithm of time through the second half of its points, read at the
length of the long one. A row has that beside what the long run came to, and where the long one
stood when the short one ended. Accuracy on real images is more than a run without data has.
"""

import argparse
import json
import time
from collections.abc import Sequence
from itertools import combinations
from math import log
from pathlib import Path
from statistics import linear_regression
from typing import Any

from zskt.cli.tables import print_table
from zskt.results import write_result

Curve = list[tuple[float, float]]
FEWEST = 6
"""Points of a curve from which a line is drawn."""


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("boards", type=Path, nargs="+", help="results of `zskt leaderboard`")
    parser.add_argument("--out", type=Path, required=True, help="a file for the result as JSON")
    return parser.parse_args(words)


def main() -> None:
    """Draw each curve on, and write what came of it."""
    asked, start = arguments(), time.monotonic()
    rows = [
        row for short, long in combinations(sorted(runs_in(asked.boards), key=minutes_of), 2)
        if (row := row_of(short, long)) is not None
    ]  # fmt: skip
    print_table(rows)
    write_result(
        asked.out, seeds=sorted({row["seed"] for row in rows}), settings={"fewest": FEWEST},
        seconds=time.monotonic() - start, rows=rows, device="cpu",
    )  # fmt: skip


def runs_in(boards: Sequence[Path]) -> list[dict[str, Any]]:
    """Each run once, with what its board was asked for."""
    runs = {}
    for file in boards:
        board = json.loads(file.read_text())
        asked = board["settings"]
        if asked["minutes"] is None:
            continue
        for run in board["runs"]:
            if not run.get("curve"):
                continue
            settings, of = asked["methods"][run["method"]], asked["teacher_sha256"][run["teacher"]]
            kind = [asked["student"], settings, run["machine"]["threads"], asked["data"], of]
            runs[run["run"], run["machine"]["threads"]] = {
                **run, "minutes": asked["minutes"], "kind": json.dumps(kind),
            }  # fmt: skip
    return list(runs.values())


def minutes_of(run: dict[str, Any]) -> float:
    """Its length."""
    return run["minutes"]


def row_of(short: dict[str, Any], long: dict[str, Any]) -> dict[str, Any] | None:
    """Two runs beside each other; None if they differ in more than minutes, or have few points."""
    same = all(short[name] == long[name] for name in ("method", "teacher", "seed", "kind"))
    curve, later = short["curve"], long["curve"]
    then = [point for point in later if point[0] <= curve[-1][0]]
    if not (same and then) or short["minutes"] >= long["minutes"] or len(curve) < FEWEST:
        return None
    drawn_on = min(1.0, read_at(curve[len(curve) // 2 :], later[-1][0]))
    return {
        "method": short["method"], "teacher": short["teacher"], "seed": short["seed"],
        "minutes": short["minutes"], "accuracy": curve[-1][1],
        "later_minutes": long["minutes"], "later_accuracy": later[-1][1],
        "drawn_on_accuracy": drawn_on, "error": drawn_on - later[-1][1],
        "later_run_then_accuracy": then[-1][1],
    }  # fmt: skip


def read_at(curve: Curve, seconds: float) -> float:
    """A line over the logarithm of time, at a later time."""
    slope, start = linear_regression([log(when) for when, _ in curve], [each for _, each in curve])
    return start + slope * log(seconds)


if __name__ == "__main__":
    main()
