"""Would other signals, or several of them, predict better how much a student keeps?

    uv run python benchmarks/share_signals.py --out results/share/signals.json

All sums of up to three signals, by least squares, each data set predicted by a fit to the others.
Rows without all signals are left out: `noise` has no images of its own. The agreement on inverted
images alone, which the verdict takes, is among the rows, and the best others by the mean of two
errors: in the study (small teachers), and of all other runs.
"""

import argparse
import json
import time
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from zskt.cli.tables import print_table
from zskt.measure.verdict.share import SIGNAL
from zskt.results import write_result

IMAGES = ("inverted", "stream", "blends", "noise", "fields", "leaves")
SHOWN = 5
FILES = [Path(f"results/share/{name}.json") for name in ("runs", "leaderboard", "later")]


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, nargs="+", default=FILES)
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    return parser.parse_args(words)


def main() -> None:
    """Try every sum, and write the best beside the one in use."""
    asked, start = arguments(), time.monotonic()
    rows = [row for file in asked.runs for row in json.loads(file.read_text())["rows"]]
    rows = [row for row in rows if row.get("stream_kappa") is not None]
    signals = {name: np.array([signal(row, name) for row in rows]) for name in names()}
    sums = [chosen for count in (1, 2, 3) for chosen in combinations(signals, count)]
    tried = [errors(rows, signals, each) for each in sums]
    ranked = sorted(tried, key=lambda row: row["error_in_study"] + row["error_of_others"])
    in_use = next(row for row in tried if row["signals"] == SIGNAL)
    best = [row for row in ranked if row is not in_use][:SHOWN]
    table = [{**row, "tried": len(tried)} for row in (in_use, *best)]
    print_table(table)
    if asked.out is not None:
        about: dict[str, Any] = {"seeds": [0], "settings": {"rows": len(rows)}, "device": "cpu"}
        write_result(asked.out, rows=table, seconds=time.monotonic() - start, **about)


def names() -> list[str]:
    """Of the signals that are tried."""
    of_images = [
        f"{each}_{kind}" for each in IMAGES for kind in ("agreement", "kappa", "closeness")
    ]
    return [*of_images, "entropy", "balance"]


def signal(row: dict[str, Any], name: str) -> float:
    """One of a student's signals; a divergence, which has no bound, as exp(-divergence)."""
    if name.endswith("_closeness"):
        return float(np.exp(-row[name.replace("closeness", "divergence")]))
    return row[name]


def errors(
    rows: list[dict[str, Any]], signals: dict[str, np.ndarray], chosen: Sequence[str]
) -> dict[str, Any]:
    """Mean errors of a sum on data sets that it was not fitted to."""
    shares = np.array([row["share"] for row in rows])
    data = np.array([row["data"] for row in rows])
    study = np.array(["round" in row for row in rows])
    columns = np.stack([np.ones(len(rows)), *(signals[name] for name in chosen)], axis=1)
    off = np.zeros(len(rows))
    for name in set(data):
        left_out = data == name
        weights = np.linalg.lstsq(columns[~left_out], shares[~left_out], rcond=None)[0]
        off[left_out] = np.abs(np.clip(columns[left_out] @ weights, 0, 1) - shares[left_out])
    return {
        "signals": " + ".join(chosen),
        "error_in_study": float(off[study].mean()),
        "error_of_others": float(off[~study].mean()),
    }


if __name__ == "__main__":
    main()
