"""What is struck: commands that write, and what must be there afterwards.

Pictures are not drawn and the verdict looks at few images: neither changes which files are written.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from campaigns.child import Bounds, Ended, command, in_child

QUICK = {
    "batch_size": 4, "image_batch_size": 10, "image_steps": 1, "generator_steps": 1,
    "student_steps": 1, "replays": 1, "memory": 16,
}  # fmt: skip
TIMES = ("seconds", "rounds_per_second", "seconds_making", "seconds_teaching")
"""What differs between two runs that are otherwise the same."""
BOUNDS = Bounds(seconds=120, asleep=60)
Words = tuple[str, ...]


@dataclass(frozen=True)
class Scenario:
    """A command that writes."""

    name: str
    words: Words
    strikes: int
    """How many kills at operations it gets at most."""
    before: str | None = None
    """What lies there at first: the name of an earlier scenario whose outcome it starts from."""
    again: Callable[[Path], Words] | None = None
    """The next start; by default the same words."""
    only_kills: bool = False
    """Whether it takes long, and gets kills alone."""
    replaces: bool = False
    """Whether it replaces what was there, as a whole."""


def lighten() -> None:
    """Spare what costs much and writes nothing of its own."""
    from matplotlib.figure import Figure

    import zskt.jobs.distill_end as end

    end.measured = partial(end.measured, images=2)
    Figure.savefig = lambda self, file, **_: file.write(b"picture")  # ty: ignore


def scenarios(base: Path) -> list[Scenario]:
    """All, those first that others start from."""
    from zskt.methods import METHODS

    teacher = str(base / "teacher.safetensors")
    ours = ("--teacher", teacher, "--student", "wrn-10-1", "--out", "run", "--device", "cpu")
    how = ("--precision", "32", "--record-every", "1", "--save-seconds", "0")
    distill = {name: ("distill", *ours, *how, *_method(name)) for name in METHODS}
    kills = {"zskt": 70, "replay": 30}
    found = [
        Scenario(
            f"distill {name}",
            (*words, "--rounds", "2"),
            kills.get(name, 8),
            again=_resume,
            only_kills=name not in kills,
        )
        for name, words in distill.items()
    ]
    for name in ("zskt", "replay"):
        part = Scenario(f"part of {name}", (*distill[name], "--rounds", "3", "--until", "1"), 0)
        words = ("distill", "--resume", "run", "--device", "cpu")
        found += [part, Scenario(f"resume {name}", words, 12, part.name, _resume)]
    anew = (*distill["zskt"], "--rounds", "2", "--seed", "1", "--overwrite")
    found.append(Scenario("overwrite", anew, 60, "distill zskt", _resume, replaces=True))
    finished = "distill zskt"
    export = ("export", "run", "--out", "e.safetensors")
    data = ("synthesize", "run", "--out", "s.npz", "--images", "4", "--seed")
    train = ("train", "wrn-10-1", "--data", str(base / "data.npz"), "--out", "run", "--steps", "2")
    train = (*train, "--batch-size", "4", "--device", "cpu", "--precision", "32")
    verdict = ("verdict", "run", "--images", "2")
    board = ("leaderboard", teacher, "--student", "wrn-10-1", "--rounds", "1", "--methods", "noise")
    board = (*board, "--runs", "run", "--out", "o", "--device", "cpu")
    sweep = ("sweep", str(base / "sweep.toml"), "--device", "cpu", "--precision", "32")
    figure = ("reproduce", "figure-1", "--scale", "0.001", "--runs", "run", "--out", "o")
    found += [
        Scenario("export", export, 0, finished),
        Scenario("export again", (*export, "--half", "--overwrite"), 30, "export"),
        Scenario("synthesize", (*data, "0"), 0, finished),
        Scenario("synthesize again", (*data, "1", "--overwrite"), 20, "synthesize"),
        Scenario("report", ("report", "run"), 10, finished),
        Scenario("verdict", (*verdict, "--results", "v.json"), 10, finished),
        Scenario("train", train, 60, again=partial(_overwriting, train)),
        Scenario("train overwrite", (*train, "--seed", "1", "--overwrite"), 80, "train",
                 replaces=True),
        Scenario("leaderboard", board, 8, only_kills=True),
        Scenario("sweep", sweep, 30),
        Scenario("reproduce", figure, 1, only_kills=True),
    ]  # fmt: skip
    return found


def _method(name: str) -> Words:
    from zskt.methods import method_class

    made = method_class(name)()
    settings = {key: value for key, value in QUICK.items() if hasattr(made, key)}
    flags = ((f"--{key.replace('_', '-')}", str(value)) for key, value in settings.items())
    return "--method", name, *(word for pair in flags for word in pair)


def _resume(folder: Path) -> Words:
    """Go on if there is a run; else the words themselves."""
    run = folder / "run"
    return (
        ("distill", "--resume", "run", "--device", "cpu")
        if (run / "settings.json").exists()
        else ()
    )


def _overwriting(words: Words, folder: Path) -> Words:
    return (*words, "--overwrite")


def run(
    words: Words,
    folder: Path,
    arm: Callable[[], object] = lambda: None,
    bounds: Bounds = BOUNDS,
    done: Callable[[], object] = lambda: None,
) -> Ended:
    """A command in a folder, in a child; before it something may be armed there."""

    def work() -> None:
        os.chdir(folder)
        arm()
        command(*words)()
        done()

    return in_child(work, folder.parent / f"{folder.name}.log", bounds)


def placed(scenario: Scenario, base: Path, folder: Path) -> None:
    """The folder as it is before the command."""
    shutil.rmtree(folder, ignore_errors=True)
    if scenario.before is None:
        folder.mkdir(parents=True)
    else:
        shutil.copytree(base / scenario.before, folder)


def problem_after(scenario: Scenario, base: Path, folder: Path) -> str | None:
    """What is wrong with a folder after a strike, and after the next start; None if nothing is."""
    old = contents(base / scenario.before) if scenario.before else {}
    new = contents(base / scenario.name)
    now = contents(folder)
    kept = scenario.replaces and not _is_new(base, scenario, folder)
    if kept:
        if now != old:
            return f"neither old nor new: {_differences(now, old)}"
    elif scenario.before and not scenario.replaces and scenario.again is None:
        mixed = [name for name in now if now[name] not in (old.get(name), new.get(name))]
        lost = [name for name in old if name not in now]
        if mixed or lost:
            return f"changed {mixed[:3]}, lost {lost[:3]}"
    words = () if kept or not scenario.again else scenario.again(folder)
    words = words or scenario.words
    ended = run(words, folder)
    if ended.code:
        return f"the next start ended with {ended.code}: {ended.output[-300:]}"
    if (then := contents(folder)) != new:
        return f"after the next start: {_differences(then, new)}"
    left = [
        file for file in folder.rglob("*") if file.name.endswith(".tmp") or "-draft" in file.name
    ]
    return f"left over: {left[0].name}" if left else None


def _is_new(base: Path, scenario: Scenario, folder: Path) -> bool:
    """Whether the settings are those of the run that replaces another."""
    ours, theirs = (
        json.loads((place / "run" / "settings.json").read_text())
        for place in (folder, base / str(scenario.before))
    )
    return ours != theirs


def contents(folder: Path) -> dict[str, str]:
    """What every file says that is the same in runs that are the same."""
    files = (file for file in folder.rglob("*") if file.is_file())
    kept = (file for file in files if file.name[0] != "." and "tensorboard" not in file.parts)
    return {str(file.relative_to(folder)): _said(file) for file in sorted(kept)}


def _said(file: Path) -> str:
    data = file.read_bytes()
    if file.name == "metrics.jsonl":
        rows = [json.loads(line) for line in data.decode().splitlines() if line.endswith("}")]
        bare = [{key: value for key, value in row.items() if key not in TIMES} for row in rows]
        return hashlib.sha256(json.dumps(bare).encode()).hexdigest()
    if file.suffix == ".json":
        json.loads(data)
    if file.suffix in (".safetensors", ".npz", ".u8") and file.name != "state.safetensors":
        return hashlib.sha256(data).hexdigest()
    return "whole" if file.suffix != ".html" or data.rstrip().endswith(b"</html>") else "cut"


def _differences(one: dict[str, str], other: dict[str, str]) -> str:
    names = sorted({*one, *other})
    return ", ".join(name for name in names if one.get(name) != other.get(name))[:300]
