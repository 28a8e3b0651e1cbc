"""Hundreds of kills and other faults at the file operations of every command that writes.

    uv run python benchmarks/faults.py --out results/faults.json

Each fault hits a child of one warm process: SIGKILL before or after the n-th file operation or at a
random moment, a disk that is full from there on (also for the sentence that says so), a folder that
may not be written or is gone, a clock that goes back, a second process, SIGTERM and SIGHUP. What
lies in the folder then must be the old state or the new one, and after the next start all must be
as if nothing had happened: the same bits, and nothing left over.
"""

import argparse
import json
import random
import shutil
import signal
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from campaigns import replacing, strikes
from campaigns.cases import make_base as honest_files
from campaigns.cases import outcome_of
from campaigns.child import Ended, warm
from campaigns.scenarios import (
    BOUNDS,
    Scenario,
    contents,
    lighten,
    placed,
    problem_after,
    run,
    scenarios,
)
from campaigns.strikes import Strikes
from zskt.results import write_result

MISSED = "missed"
"""The command had ended before, or the operation is refused and has no afterwards."""
KILLS = "SIGKILL at an operation", "SIGKILL at a random moment"
LASTING = {
    "disk full": strikes.full, "disk full, also for words": strikes.full_for_words_too,
    "folder that may not be written": strikes.read_only,
}  # fmt: skip
"""What goes on until the end of the command, which has to say so."""
SIGNALS = {"SIGTERM": signal.SIGTERM, "SIGHUP": signal.SIGHUP, "SIGINT": signal.SIGINT}


@dataclass(frozen=True)
class Fault:
    """One fault in one scenario."""

    kind: str
    scenario: Scenario
    at: int | float
    """The number of the operation; of a random moment the share of the command's time."""
    after: bool = False

    @property
    def key(self) -> str:
        """Its name in the log."""
        return f"{self.kind}, {self.scenario.name}, {self.at:.3f}, {self.after}"


def faults(known: Sequence[Scenario], counts: dict[str, int], share: float) -> list[Fault]:
    """All of them, in an order by chance; of the kills a share."""
    found: list[Fault] = []
    draw = random.Random(0)
    for scenario in (each for each in known if each.strikes):
        places = [(at, after) for at in range(counts[scenario.name]) for after in (False, True)]
        kills = draw.sample(places, min(len(places), max(1, round(share * scenario.strikes))))
        found += [Fault(KILLS[0], scenario, at, after) for at, after in kills]
        found += [
            Fault(KILLS[1], scenario, draw.random())
            for _ in range(max(1, round(share * scenario.strikes / 8)))
        ]
        if scenario.only_kills:
            continue
        few = max(1, round(share * scenario.strikes / 40))
        kinds = [*LASTING, *SIGNALS, "folder gone", "clock back", "second process"]
        for kind in kinds:
            if kind != "second process" or scenario.words[0] == "distill":
                at = draw.sample(range(counts[scenario.name]), min(few, counts[scenario.name]))
                found += [Fault(kind, scenario, each) for each in at]
    draw.shuffle(found)
    return found


def problem_of(fault: Fault, base: Path, folder: Path, seconds: float) -> str | None:
    """Let it happen; what is wrong then."""
    scenario = fault.scenario
    placed(scenario, base, folder)
    bounds, arm = BOUNDS, lambda: None
    if fault.kind == KILLS[1]:
        bounds = replace(BOUNDS, kill_at=fault.at * seconds)
    else:
        strike = Strikes(
            folder, int(fault.at), _act(fault, folder), after=fault.after,
            lasting=fault.kind in LASTING,
        )  # fmt: skip
        arm = strike.arm
    ended = run(scenario.words, folder, arm, bounds)
    if (wrong := _wrong_end(fault, ended)) is not None:
        return wrong
    if fault.kind in KILLS and not ended.code:
        return MISSED
    if fault.kind == "folder gone":
        placed(scenario, base, folder)
    elif ended.code == 0 and fault.kind in ("clock back", "second process"):
        new, now = contents(base / scenario.name), contents(folder)
        return None if now == new else "other contents"
    return problem_after(scenario, base, folder)


def _act(fault: Fault, folder: Path) -> Callable[[], object]:
    """What happens."""
    if fault.kind in SIGNALS:
        return strikes.signalled(SIGNALS[fault.kind])
    if fault.kind == "folder gone":
        return strikes.vanishing(folder)
    if fault.kind == "second process":
        return lambda: _second(fault.scenario, folder)
    acts = {KILLS[0]: strikes.kill, "clock back": strikes.clock_back, **LASTING}
    return acts[fault.kind]


def _second(scenario: Scenario, folder: Path) -> None:
    """Another start in the same folder, which must be refused if the first has begun."""
    begun = (folder / "run" / "settings.json").exists()
    if not begun or scenario.before:
        return
    ended = run(("distill", "--resume", "run", "--device", "cpu"), folder)
    if outcome_of(ended) != "refused" or "another process" not in ended.output:
        raise RuntimeError(f"the second process was let in: {ended.output[-300:]}")


def _wrong_end(fault: Fault, ended: Ended) -> str | None:
    """Whether the struck command itself ended as it must."""
    if "Traceback" in ended.output:
        return ended.output[-600:]
    if fault.kind in KILLS:
        allowed: tuple[int, ...] = (-signal.SIGKILL, 0)
    elif fault.kind in SIGNALS:
        allowed = (130, 0)
    elif fault.kind in ("clock back", "second process"):
        allowed = (0,)
    else:
        # What comes too late to matter may pass.
        allowed = (2, 0)
    if ended.hung or ended.code not in allowed:
        return f"exit code {ended.code}: {ended.output[-300:]}"
    return None


def prepared(base: Path) -> tuple[list[Scenario], dict[str, int], dict[str, float]]:
    """The scenarios, their numbers of operations and their seconds, each run once unbroken."""
    if not (base / "teacher.safetensors").exists():
        honest_files(base)
    known, about = scenarios(base), base / "about.json"
    counts, seconds = json.loads(about.read_text()) if about.exists() else ({}, {})
    for scenario in (each for each in known if each.name not in counts):
        folder, counted = base / scenario.name, base / "count"
        placed(scenario, base, folder)
        strike = Strikes(folder, None, strikes.kill)
        ended = run(scenario.words, folder, strike.arm, done=partial(_count, strike, counted))
        if ended.code:
            raise RuntimeError(f"{scenario.name}: {ended.output}")
        counts[scenario.name] = int(counted.read_text())
        seconds[scenario.name] = ended.cpu_seconds
        print(scenario.name, counts[scenario.name], round(ended.cpu_seconds, 2), flush=True)
        about.write_text(json.dumps([counts, seconds]))
    return known, counts, seconds


def _count(strike: Strikes, file: Path) -> None:
    file.write_text(str(strike.count))


def campaign(asked: argparse.Namespace, place: Path) -> dict[str, dict]:
    """The outcome of each fault by its key."""
    base = asked.base or place / "base"
    known, counts, seconds = prepared(base)
    done = {entry["key"]: entry for entry in _entries(asked.log)}
    _strike_folders(asked, place, done)
    for number, fault in enumerate(faults(known, counts, asked.share)):
        chosen = asked.scenarios is None or fault.scenario.name in asked.scenarios
        mine = chosen and number % asked.part[1] == asked.part[0] - 1
        if not mine or (fault.key in done and done[fault.key]["problem"] in (None, MISSED)):
            continue
        problem = problem_of(fault, base, place / "struck", seconds[fault.scenario.name])
        entry: dict = {"key": fault.key, "kind": fault.kind, "scenario": fault.scenario.name}
        entry |= {"problem": problem}
        done[fault.key] = entry
        if problem not in (None, MISSED):
            print(f"{fault.key}: {problem}", flush=True)
        if asked.log:
            with asked.log.open("a") as file:
                file.write(json.dumps(entry) + "\n")
    return done


def _strike_folders(asked: argparse.Namespace, place: Path, done: dict[str, dict]) -> None:
    """Every operation on the folder of a run, without networks."""
    acts = {"kill": KILLS[0], "full": "disk full", "read_only": "folder that may not be written"}
    for name in replacing.KINDS if asked.part[0] == 1 else ():
        for act, kind in acts.items():
            if f"{name}, {act}, 0" in done:
                continue
            for number, (*_, code) in enumerate(replacing.ends(place, act, name)):
                if act == "kill" and code != -signal.SIGKILL:
                    continue
                key = f"{name}, {act}, {number}"
                done[key] = {"key": key, "kind": kind, "scenario": name, "problem": None}
                if asked.log:
                    with asked.log.open("a") as file:
                        file.write(json.dumps(done[key]) + "\n")


def _entries(log: Path | None) -> Iterator[dict]:
    if log and log.exists():
        yield from map(json.loads, log.read_text().splitlines())


def rows_of(done: dict[str, dict]) -> list[dict]:
    """A line for each kind of fault, then for each scenario, then for all."""
    counted: dict[str, list[bool]] = defaultdict(list)
    struck = [entry for entry in done.values() if entry["problem"] != MISSED]
    for name in ("kind", "scenario"):
        for entry in sorted(struck, key=lambda entry: entry[name]):
            counted[entry[name]].append(entry["problem"] is None)
    counted["all"] = [entry["problem"] is None for entry in struck]
    return [
        {"fault": name, "times": len(passed), "recovered": sum(passed)}
        for name, passed in counted.items()
    ]


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="of all faults")
    parser.add_argument("--scenarios", nargs="+", help="by default all")
    parser.add_argument(
        "--part",
        type=int,
        nargs=2,
        default=(1, 1),
        metavar=("K", "N"),
        help="each Nth from the Kth: several processes share the work",
    )
    parser.add_argument("--base", type=Path, help="where unbroken runs lie, or are to lie")
    parser.add_argument("--log", type=Path, help="outcomes so far, to go on from")
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    return parser.parse_args(words)  # fmt: skip


def main() -> None:
    """Strike, look, print what is wrong, and count."""
    asked = arguments()
    start = time.monotonic()
    warm()
    lighten()
    place = Path(tempfile.mkdtemp()).resolve()
    try:
        rows = rows_of(campaign(asked, place))
    finally:
        shutil.rmtree(place, ignore_errors=True)
    for row in rows:
        print(row)
    if asked.out:
        write_result(
            asked.out, seeds=[0], settings={"share": asked.share},
            seconds=time.monotonic() - start, rows=rows, device="cpu",
        )  # fmt: skip


if __name__ == "__main__":
    main()
