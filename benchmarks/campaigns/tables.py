"""Hostile TOML: sweeps and run files of somebody else."""

import random
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from campaigns.cases import Case, damaged, damages
from campaigns.child import Bounds

WRONG: tuple[Any, ...] = (
    True, 5, -1, 2.5, float("nan"), float("inf"), 2**63, 10**9, "", "a", "x" * 10_000, [], [1],
    [[]], {}, {"a": 1}, "../../../etc/passwd", "/etc/passwd", "os:abort", "\u0000", [True], "hf:x",
    "timm:resnet18", ["wrn-10-1"] * 5000, [0, 0], "1979-05-27",
)  # fmt: skip
TEXTS = ("", "5", "=", "[", "[[a]]", "a = 1", "a.b = 1\na = 2", "a = " + "[" * 9999, "\x00", "name")
FILES = {
    "sweep file": ("sweep.toml", ("sweep", "sweep.toml", "--device", "cpu")),
    "run file": ("zskt/run.toml", ("distill", "run.toml", "--out", "o", "--device", "cpu")),
}
"""By group: the honest file, and who reads it."""


def cases(base: Path, count: int, values: int) -> Iterator[Case]:
    """Every field missing and with so many wrong values, and so many damaged files."""
    # What is still a sweep or a run may play for ever.
    bounds = Bounds(ctrl_c=3.0)
    for group, (file, words) in FILES.items():
        text, name = (base / file).read_text(), words[1]
        for place, value, changed in _changed(tomllib.loads(text), values):
            yield Case(group, f"{place} {str(value)[:20]!r}", words, _put(name, changed), bounds)
        for number, (kind, draw) in enumerate(damages(count, 7)):
            cut = damaged(text.encode(), kind, draw)
            yield Case(group, f"{kind} {number}", words, _put(name, cut), bounds)
        for number, odd in enumerate(TEXTS):
            yield Case(group, f"text {number}", words, _put(name, odd.encode()), bounds)
        yield Case(group, "a folder", words, lambda folder, name=name: (folder / name).mkdir())


def _changed(table: dict[str, Any], count: int) -> Iterator[tuple[str, Any, bytes]]:
    """The file without one of its fields, with another value of it, and with one nobody knows."""
    for place in [*_places(table), ("nobody",)]:
        name = ".".join(place)
        for value in random.Random(name).sample(WRONG, count):
            yield name, value, _text(_put_in(table, place, value)).encode()
        if place != ("nobody",):
            yield name, None, _text(_put_in(table, place, None)).encode()


def _places(table: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Where something stands in nested tables."""
    for name, value in table.items():
        yield (name,)
        if isinstance(value, dict):
            yield from ((name, *place) for place in _places(value))


def _put_in(table: dict[str, Any], place: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The table with a value in a place; with None the place is empty."""
    name, *within = place
    rest = {key: each for key, each in table.items() if key != name}
    if within:
        return rest | {name: _put_in(table[name], tuple(within), value)}
    return rest if value is None else rest | {name: value}


def _text(table: dict[str, Any]) -> str:
    return "".join(f"{name} = {_value(value)}\n" for name, value in table.items())


def _value(value: Any) -> str:
    """As TOML writes it; tables in one line."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            letters = (f"\\u{ord(each):04x}" if each in '"\\\x00\n' else each for each in value)
            return f'"{"".join(letters)}"'
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            return f"{{{', '.join(f'{name} = {_value(each)}' for name, each in value.items())}}}"
        case _:
            return str(value)


def _put(name: str, data: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(data)
