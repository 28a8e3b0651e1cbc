"""A sweep as a TOML file asks for it. The file may be a stranger's: it holds data and no code.

name = "widths"
data = "digits"                       # a test set to judge on; leave it out for the verdict alone
teachers = ["runs/teacher", "model.onnx"]
students = ["wrn-16-1", "shrink:0.5"]
methods = ["replay", "zskt"]          # by default our own
seeds = [0, 1, 2]                     # by default 0

[run]                                 # the same for every run
rounds = 400                          # or minutes

[settings.zskt]                       # a list is one more side of the grid
batch_size = [64, 128]
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import product
from math import prod
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from zskt.distillation.run import Run
from zskt.errors import UserError, first_line, unknown
from zskt.experiments.leaderboard_runs import Changes
from zskt.methods import DEFAULT, method_class

MOST_BYTES, MOST_RUNS = 2**20, 10_000
OF_RUN = ("rounds", "minutes", "record_every", "evaluate_every", "average_over", "save_seconds")
"""What a file may say of the runs: not where they compute, which is whoever's who runs it."""


@dataclass(frozen=True, kw_only=True)
class SweepSpec:
    """A grid of runs, checked."""

    name: str
    teachers: tuple[str, ...]
    students: tuple[str, ...]
    methods: tuple[tuple[str, Changes], ...]
    """Each method once for every choice of its settings."""
    seeds: tuple[int, ...]
    run: Run
    data: str | None
    belief_images: int
    out: Path
    """Within the folder that the command is given in."""


def read(spec: Any) -> SweepSpec:
    """A sweep from a TOML file, or from what such a file would hold.

    Raises:
        UserError: one sentence that names the field that is wrong, missing or unknown.
    """
    given = spec if isinstance(spec, Mapping) else _table(Path(spec))
    whole = {"name", "job", "out", "data", "belief_images", "teachers", "students", "methods"}
    _only("the sweep", given, whole | {"seeds", "run", "settings"})
    for field in ("name", "teachers", "students"):
        if field not in given:
            raise UserError(f"the sweep lacks the field '{field}'; add it")
    if given.get("job", "distill") != "distill":
        raise UserError("the field 'job' must be \"distill\", the only job that sweeps make")
    name = _of("name", given["name"], str)
    if not re.fullmatch(r"\w[\w.-]{0,99}", name):
        raise UserError("the field 'name' must be up to 100 letters, digits, '.', '_' and '-'")
    methods = _list("methods", given.get("methods", [DEFAULT]), str)
    settings = _of("settings", given.get("settings", {}), dict)
    _only("settings", settings, methods)
    sweep = SweepSpec(
        name=name,
        teachers=_list("teachers", given["teachers"], str),
        students=_list("students", given["students"], str),
        methods=tuple(
            (method, changes)
            for method in methods
            for changes in _choices(method, settings.get(method, {}))
        ),
        seeds=_list("seeds", given.get("seeds", [0]), int),
        run=_run(_of("run", given.get("run", {}), dict)),
        data=None if "data" not in given else _of("data", given["data"], str),
        belief_images=_of("belief_images", given.get("belief_images", 0), int),
        out=_within(_of("out", given.get("out", "runs/sweeps"), str)),
    )
    _check_numbers(sweep)
    return sweep


def _table(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise UserError(f"there is no file {file}; check the path")
    if file.stat().st_size > MOST_BYTES:
        raise UserError(f"{file} is too large for a sweep: at most a megabyte")
    try:
        return tomllib.loads(file.read_text())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is not TOML ({first_line(error)}); correct it") from error


def _only(where: str, given: Mapping[str, Any], known: Any) -> None:
    for name in given:
        if name not in known:
            raise UserError(f"in {where}: {unknown('field', str(name), sorted(known))}")


def _of(field: str, value: Any, kind: Any) -> Any:
    """A value of the kind that is asked for; whole numbers pass for others, yes and no do not."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if whole and kind is float and abs(value) < 2**63:
        return float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise UserError(f"the field '{field}' must be {_word(kind)}, not {str(value)[:60]!r}")
    return value


def _word(kind: Any) -> str:
    words = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    return words.get(kind, "a list" if kind is list else "a table")


def _list(field: str, value: Any, kind: Any) -> tuple[Any, ...]:
    found = tuple(_of(field, each, kind) for each in _of(field, value, list))
    if not found or len(set(map(repr, found))) < len(found):
        raise UserError(f"the field '{field}' must be a list of different values, at least one")
    return found


def _choices(method: str, given: Any) -> Iterator[Changes]:
    """Every choice of a method's settings; a list is one more side of the grid."""
    kind = method_class(method)
    hints, known = get_type_hints(kind), [each.name for each in fields(kind)]
    where = f"settings.{method}"
    _only(where, _of(where, given, dict), known)
    sides = []
    for name, value in sorted(given.items()):
        values = _list(f"{where}.{name}", value, object) if isinstance(value, list) else (value,)
        sides.append([(name, _fitting(f"{where}.{name}", each, hints[name])) for each in values])
    if prod(map(len, sides)) > MOST_RUNS:
        raise UserError(f"{where} is too large: a sweep has at most {MOST_RUNS:,} runs")
    for changes in product(*sides):
        # The method itself says which numbers it takes.
        kind(**dict(changes))
        yield changes


def _fitting(field: str, value: Any, hint: Any) -> Any:
    """A value that a setting's type allows."""
    if get_origin(hint) in (Union, UnionType):
        hint = next(each for each in get_args(hint) if each is not NoneType)
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise UserError(f"in {field}: {unknown('value', str(value)[:60], get_args(hint))}")
        return value
    return _of(field, value, hint)


def _run(given: Mapping[str, Any]) -> Run:
    _only("run", given, OF_RUN)
    if not {"rounds", "minutes"} & given.keys():
        raise UserError("the table [run] needs `rounds` or `minutes`")
    hints = get_type_hints(Run)
    return Run(**{name: _fitting(f"run.{name}", each, hints[name]) for name, each in given.items()})


def _within(text: str) -> Path:
    """A folder below the one that the command is given in: a file chooses no other."""
    path = Path(text)
    if path.is_absolute() or ".." in path.parts or not text:
        raise UserError(
            "the field 'out' must be a folder within the one that you work in; give `out` for "
            "any other"
        )
    return path


def _check_numbers(sweep: SweepSpec) -> None:
    if not all(0 <= seed < 2**63 for seed in sweep.seeds):
        raise UserError("the field 'seeds' must hold numbers of zero or above, below 2**63")
    if not 0 <= sweep.belief_images <= 10**9:
        raise UserError("the field 'belief_images' must be zero or above")
    sides = sweep.teachers, sweep.students, sweep.methods, sweep.seeds
    count = prod(map(len, sides))
    if count > MOST_RUNS:
        raise UserError(f"the sweep has {count:,} runs, and at most {MOST_RUNS:,} are made")
