"""Hostile run folders: settings, checkpoints, metrics and results of somebody else."""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from campaigns.cases import Case, damaged, damages

REPORT = ("report", "run")
VERDICT = ("verdict", "run", "--images", "4")
SYNTHESIZE = ("synthesize", "run", "--out", "s.npz", "--images", "4")
RESUME = ("distill", "--resume", "run")
LONGER = (*RESUME, "--rounds", "3")
READERS = (REPORT, VERDICT, SYNTHESIZE, RESUME)
FILES = {
    "settings": ("settings.json", READERS),
    "checkpoint": ("checkpoint/state.safetensors", (RESUME, SYNTHESIZE, LONGER)),
    "metrics": ("metrics.jsonl", (REPORT, VERDICT, RESUME)),
    "result": ("result.json", (REPORT,)),
    "verdict": ("verdict.json", (REPORT,)),
    "source": ("source.safetensors", (VERDICT, SYNTHESIZE)),
    "samples": ("samples/round-000001.json", (REPORT,)),
    "memory": ("memory/images.u8", (SYNTHESIZE, LONGER)),
}
"""By group: the file, and who reads it."""
WRONG: tuple[Any, ...] = (
    None, True, 5, -1, 2.5, float("nan"), 2**70, 10**9, "", "a", "x" * 10_000, [], [1], [[]], {},
    {"a": 1}, "../../../etc/passwd", "os:abort", "\u0000", -(10**9), [None], "hf:x",
    "timm:resnet18",
)  # fmt: skip


def cases(base: Path, count: int) -> Iterator[Case]:
    """Every setting with wrong values, and so many damaged files of each kind."""
    settings = json.loads((base / "zskt" / "settings.json").read_text())
    turn = 0
    for place in _places(settings):
        for value in random.Random(str(place)).sample(WRONG, 4):
            made = _changed(base, "settings.json", lambda old, p=place, v=value: _put(old, p, v))
            name = f"{'.'.join(map(str, place))} {str(value)[:20]!r}"
            yield Case("settings", name, READERS[turn % len(READERS)], made)
            turn += 1
    for group, (file, readers) in FILES.items():
        run = "replay" if group == "memory" else "zskt"
        data = _bytes_of(base / run / file)
        for number, (kind, draw) in enumerate(damages(count, 6)):
            words = readers[number % len(readers)]
            made = _damaged(base / run, file, lambda data=data, kind=kind, draw=draw: damaged(
                data, kind, draw))  # fmt: skip
            yield Case(group, f"{kind} {number}", words, made)
        for number, text in enumerate(
            ("", "5", "[]", "null", "{}", '{"rows": []}', '{"rows": 5}', "[" * 99_999)
        ):
            for words in readers:
                made = _damaged(base / run, file, lambda text=text: text.encode())
                yield Case(group, f"text {number} {words[0]}", words, made)
        for words in readers:
            yield Case(group, f"a folder {words[:3]}", words, _folder_instead(base / run, file))
    yield from _rows(base)


def _rows(base: Path) -> Iterator[Case]:
    """Fields of the files that reports are made of."""
    for group in ("metrics", "result", "verdict", "samples"):
        file = FILES[group][0]
        text = (base / "zskt" / file).read_text()
        old = json.loads(text.splitlines()[-1] if group == "metrics" else text)
        for number, place in enumerate(list(_places(old))[:40]):
            value = random.Random(f"{group} {place}").choice(WRONG)
            new = json.dumps(_put(json.loads(json.dumps(old)), place, value))
            made = _damaged(base / "zskt", file, lambda new=new: (new + "\n").encode())
            words = FILES[group][1][number % len(FILES[group][1])]
            yield Case(group, f"{place} {str(value)[:20]!r}", words, made)


def _bytes_of(file: Path) -> bytes:
    found = file if file.exists() else next(file.parent.glob("*"))
    return found.read_bytes()


def _places(value: Any, place: tuple = ()) -> Iterator[tuple]:
    """Where something stands in nested objects and lists."""
    if place:
        yield place
    pairs = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value[:3])
        if isinstance(value, list)
        else ()
    )
    for key, each in pairs:
        if key not in ("versions", "machine"):
            yield from _places(each, (*place, key))


def _put(value: Any, place: tuple, new: Any) -> Any:
    within = value
    for key in place[:-1]:
        within = within[key]
    within[place[-1]] = new
    return value


def _changed(base: Path, file: str, change: Callable[[Any], Any]) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        shutil.copytree(base / "zskt", folder / "run")
        old = json.loads((folder / "run" / file).read_text())
        (folder / "run" / file).write_text(json.dumps(change(old)))

    return make


def _damaged(run: Path, file: str, make: Callable[[], bytes]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        shutil.copytree(run, folder / "run")
        target = folder / "run" / file
        target = target if target.exists() else next(target.parent.glob("*"))
        target.write_bytes(make())

    return damage


def _folder_instead(run: Path, file: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        shutil.copytree(run, folder / "run")
        target = folder / "run" / file
        target = target if target.exists() else next(target.parent.glob("*"))
        target.unlink()
        target.mkdir()

    return make
