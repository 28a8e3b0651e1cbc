"""Thousands of hostile files, options and networks, each given to the command that reads it.

    uv run python benchmarks/hostile.py --out results/hostile.json

Every case is a command in a child of one warm process, in a folder of its own, with bounds of
memory and time. It must end with success, with one sentence and exit code 2, or, where it was asked
for long work, with exit code 130 after Ctrl-C; never with a traceback, a crash or a hang. With a
`--log` a campaign that was cut short goes on, and what failed is tried again, once it is mended.
"""

import argparse
import json
import random
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from campaigns import cards, data, folders, graphs, options, players, tables
from campaigns.cases import GOOD, Case, make_base, outcome_of, tried
from campaigns.child import warm
from zskt.results import write_result


def all_cases(base: Path, asked: argparse.Namespace) -> list[Case]:
    """Every case of the groups that were asked for."""
    made = (
        cards.cases(base, asked.damaged), data.cases(base, asked.damaged),
        graphs.cases(base, asked.damaged), folders.cases(base, asked.damaged),
        options.cases(base, asked.values), players.cases(base),
        tables.cases(base, asked.damaged, asked.values),
    )  # fmt: skip
    chosen = [
        case
        for case in chain(*made)
        if not asked.groups or any(name in case.group for name in asked.groups)
    ]
    # So a campaign that is cut short has tried some of every group.
    random.Random(0).shuffle(chosen)
    return chosen


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--damaged", type=int, default=24, help="damaged files of each kind")
    parser.add_argument("--values", type=int, default=2, help="values of each option and field")
    parser.add_argument(
        "--part",
        type=int,
        nargs=2,
        default=(1, 1),
        metavar=("K", "N"),
        help="try each Nth case from the Kth: several processes share the work",
    )
    parser.add_argument("--groups", nargs="+", default=(), help="parts of the groups' names")
    parser.add_argument("--names", nargs="+", default=(), help="parts of the cases' names")
    parser.add_argument(
        "--log",
        type=Path,
        help="outcomes so far: only what is not there or failed is tried, and added",
    )
    parser.add_argument("--base", type=Path, help="where the honest files lie, or are to lie")
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    return parser.parse_args(words)  # fmt: skip


def campaign(asked: argparse.Namespace, place: Path) -> dict[tuple[str, str], list[str]]:
    """The outcomes of each case by group and name, oldest first."""
    base = asked.base or place / "base"
    if not base.exists():
        make_base(base)
    known = read_log(asked.log)
    chosen: dict[tuple[str, str], list[str]] = {}
    for number, case in enumerate(all_cases(base, asked)):
        if asked.names and not any(name in case.name for name in asked.names):
            continue
        outcomes = chosen[case.group, case.name] = known.get((case.group, case.name), [])
        mine = number % asked.part[1] == asked.part[0] - 1
        if not mine or (outcomes and outcomes[-1] in GOOD):
            continue
        ended = tried(case, base, place)
        outcomes.append(outcome_of(ended))
        entry: dict = {"group": case.group, "name": case.name, "outcome": outcomes[-1]}
        if outcomes[-1] not in GOOD or asked.names:
            entry |= {"words": case.words, "code": ended.code, "output": ended.output[-3000:]}
            line = (ended.output.strip().splitlines() or [""])[-1][:150]
            print(f"{case.group}: {case.name}: {outcomes[-1]}: {line}", flush=True)
        if asked.log:
            with asked.log.open("a") as file:
                file.write(json.dumps(entry) + "\n")
    return chosen


def read_log(file: Path | None) -> dict[tuple[str, str], list[str]]:
    """The outcomes in a log, by group and name."""
    known: dict[tuple[str, str], list[str]] = defaultdict(list)
    for line in file.read_text().splitlines() if file and file.exists() else ():
        entry = json.loads(line)
        known[entry["group"], entry["name"]].append(entry["outcome"])
    return dict(known)


def rows_of(tried: dict[tuple[str, str], list[str]]) -> list[dict]:
    """A line for each group, and one for all; a case counts by its last outcome."""
    groups: dict[str, list[list[str]]] = defaultdict(list)
    for (group, _), outcomes in tried.items():
        if outcomes:
            groups[group].append(outcomes)
            groups["all"].append(outcomes)
    groups["all"] = groups.pop("all", [])
    rows = []
    for group, cases in groups.items():
        last = Counter(outcomes[-1] for outcomes in cases)
        row: dict = {"reader": group, "cases": len(cases)}
        row |= {outcome: last[outcome] for outcome in GOOD}
        row["failed"] = len(cases) - sum(last[outcome] for outcome in GOOD)
        row["failed_before_mending"] = sum(outcomes[0] not in GOOD for outcomes in cases)
        rows.append(row)
    return rows


def main() -> None:
    """Try all, print what failed, and count."""
    asked = arguments()
    start = time.monotonic()
    warm()
    place = Path(tempfile.mkdtemp())
    try:
        tried = campaign(asked, place)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    rows = rows_of(tried)
    print(rows[-1])
    if asked.out:
        settings = {"damaged": asked.damaged, "values": asked.values}
        write_result(
            asked.out, seeds=[], settings=settings, seconds=time.monotonic() - start, rows=rows,
            device="cpu",
        )  # fmt: skip


if __name__ == "__main__":
    main()
