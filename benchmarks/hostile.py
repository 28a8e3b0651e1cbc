"""Thousands of hostile files, options and networks, each given to the command that reads it.

    uv run python benchmarks/hostile.py --out results/hostile.json

Every case is a command in a child of one warm process, in a folder of its own, with bounds of memory
and time. It must end with success, with one sentence and exit code 2, or, where it was asked for long
work, with exit code 130 after Ctrl-C; never with a traceback, a crash or a hang. What failed is printed
and, with its output, kept beside the result by `--failures`.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from campaigns import cards, data, folders, graphs, options, players
from campaigns.cases import GOOD, Case, make_base, outcome_of, tried
from campaigns.child import warm
from zskt.results import write_result


def all_cases(base: Path, asked: argparse.Namespace) -> Iterator[Case]:
    """Every case of the groups that were asked for."""
    made = (
        cards.cases(base, asked.damaged), data.cases(base, asked.damaged),
        graphs.cases(base, asked.damaged), folders.cases(base, asked.damaged),
        options.cases(base, asked.values), players.cases(base),
    )  # fmt: skip
    for cases in made:
        for case in cases:
            if not asked.groups or any(name in case.group for name in asked.groups):
                yield case


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--damaged", type=int, default=40, help="damaged files of each kind")
    parser.add_argument("--values", type=int, default=5, help="values of each option")
    parser.add_argument("--every", type=int, default=1, help="try only each so-manieth case")
    parser.add_argument("--groups", nargs="+", default=(), help="parts of the groups' names")
    parser.add_argument("--names", nargs="+", default=(), help="parts of the cases' names")
    parser.add_argument("--failures", type=Path, help="a file for what failed, one JSON a line")
    parser.add_argument("--before", type=Path, help="a result whose failures stand in a column")
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    return parser.parse_args(words)


def campaign(asked: argparse.Namespace, place: Path) -> dict[str, Counter[str]]:
    """The outcomes by group."""
    base = place / "base"
    make_base(base)
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    seen: Counter[str] = Counter()
    for case in all_cases(base, asked):
        seen[case.group] += 1
        named = not asked.names or any(name in case.name for name in asked.names)
        if (seen[case.group] - 1) % asked.every or not named:
            continue
        ended = tried(case, place)
        outcome = outcome_of(ended)
        counted[case.group][outcome] += 1
        if asked.names:
            print(f"{case.group}: {case.name}: {outcome}: {ended.output[-1500:]}", flush=True)
        if outcome not in GOOD:
            lines = ended.output.strip().splitlines() or [""]
            print(f"{case.group}: {case.name}: {outcome}: {lines[-1][:150]}", flush=True)
            if asked.failures:
                told = {"group": case.group, "name": case.name, "outcome": outcome}
                told |= {"words": case.words, "code": ended.code, "output": ended.output[-4000:]}
                with asked.failures.open("a") as file:
                    file.write(json.dumps(told) + "\n")
    return counted


def rows_of(counted: dict[str, Counter[str]], before: dict[str, int] | None) -> list[dict]:
    """A line for each group, and one for all."""
    whole = {**counted, "all": sum(counted.values(), Counter())}
    rows = []
    for group, outcomes in whole.items():
        row = {"reader": group, "cases": outcomes.total()}
        row |= {outcome: outcomes[outcome] for outcome in GOOD}
        row["failed"] = outcomes.total() - sum(outcomes[outcome] for outcome in GOOD)
        if before is not None:
            row["failed before mending"] = before.get(group, 0)
        rows.append(row)
    return rows


def main() -> None:
    """Try all, print what failed, and count."""
    asked = arguments()
    start = time.monotonic()
    warm()
    before = None
    if asked.before:
        before = {
            row["reader"]: row["failed"] for row in json.loads(asked.before.read_text())["rows"]
        }
    place = Path(tempfile.mkdtemp())
    try:
        counted = campaign(asked, place)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    rows = rows_of(counted, before)
    print(rows[-1])
    if asked.out:
        settings = {"damaged": asked.damaged, "values": asked.values, "every": asked.every}
        write_result(
            asked.out, seeds=[], settings=settings, seconds=time.monotonic() - start, rows=rows,
            device="cpu",
        )  # fmt: skip


if __name__ == "__main__":
    main()
