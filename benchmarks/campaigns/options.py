"""Every option of every command with values that it was not made for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from campaigns.cases import QUICK, Case
from campaigns.child import Bounds

T = "{base}/teacher.safetensors"
DISTILL = ("--teacher", T, "--student", "wrn-10-1", "--out", "o", "--device", "cpu")
SHORT = ("--rounds", "1", "--batch-size", "2")
BASE: dict[str, tuple[str, ...]] = {
    "demo": ("--rounds", "1", "--out", "o"),
    "plan": (T, "wrn-10-1", "--seconds", "0.01", "--method", "noise", "--batch-size", "2"),
    "distill": (*DISTILL, *SHORT, "--method", "zskt"),
    "train": ("wrn-10-1", "--data", "{base}/data.npz", "--out", "o", "--steps", "1",
              "--batch-size", "2"),
    "evaluate": ("{base}/zskt", "--teacher", T, "--data", "{base}/data.npz"),
    "beliefs": ("--student", "{base}/zskt", "--teacher", T, "--data", "{base}/data.npz",
                "--out", "o", "--images", "2", "--steps", "2"),
    "finetune": ("{base}/zskt", "--data", "{base}/data.npz", "--per-class", "1", "--out", "o",
                 "--steps", "1", "--batch-size", "2"),
    "reproduce": ("table-2", "--data", "digits", "--scale", "0.00001", "--runs", "r", "--out", "o"),
    "leaderboard": (T, "--student", "wrn-10-1", "--methods", "noise", "--rounds", "1",
                    "--runs", "r",
                    "--out", "o", "--belief-images", "0"),
    "toy": ("--out", "o", "--rounds", "2", "--points", "10", "--teacher-steps", "2"),
    "report": ("{base}/zskt", "--out", "page.html"),
    "verdict": ("{base}/zskt", "--images", "4"),
    "compare": ("{base}/zskt", "--teacher", T, "--belief-images", "1"),
    "synthesize": ("{base}/zskt", "--out", "s.npz", "--images", "4"),
    "export": ("{base}/zskt", "--out", "e.safetensors"),
    "inspect": (T, "--student", "lenet"),
    "noise-predictions": (T, "--out", "o", "--images", "8"),
    "list": (),
    # These two have nothing to work with: the one is not to make runs, the other not to send any.
    "sweep": ("none.toml",),
    "push": ("none", "somebody/something"),
}  # fmt: skip
"""Words with which a command works, and soon ends."""
NUMBERS = (
    "", "x", "-1", "0", "nan", "inf", "1e9", "2.5", "1000000000", "9223372036854775807",
    "9" * 400, "-9223372036854775809", "1e-320", "1,5", "0x10",
)  # fmt: skip
TEXTS = (
    "",
    "x",
    "-",
    "../..",
    "x" * 5000,
    "a:b",
    "🦖\n[red]",
    "/dev/null",
    "/proc/self/mem",
    "hf:",
    "0",
)
PATIENCE = Bounds(ctrl_c=1.5)


def cases(base: Path, count: int) -> Iterator[Case]:
    """For each option `count` values at most, of numbers or of words by what it takes."""
    from zskt.cli.app import COMMANDS
    from zskt.methods import METHODS

    for name in COMMANDS:
        if name == "distill":
            for method in METHODS:
                yield from _of(name, ("--method", method), count, only_method=method != "zskt")
        else:
            yield from _of(name, (), count, only_method=False)
    for words in ((), ("x",), ("--x",), ("",), ("-h",), ("--version", "x"), ("\n",), ("--", "x")):
        for name in (*COMMANDS, None):
            if (name, words) not in (("demo", ()), ("demo", ("--",))):
                given = (name, *words) if name else words
                yield Case("words", repr(given), given, bounds=PATIENCE)


def _of(name: str, method: tuple[str, ...], count: int, *, only_method: bool) -> Iterator[Case]:
    from zskt.cli.app import make_app

    words = [name, *method]
    app = make_app(words)[name]
    base = [*BASE[name], *method]
    if method[1:] == ("replay",):
        base += QUICK
    for argument in app.assemble_argument_collection(parse_docstring=True):
        flags = [each for each in argument.names if each.startswith("--")]
        of_method = "Method settings" in str(argument.parameter.group)
        if (
            not argument.parse
            or not flags
            or "*" in argument.names
            or (only_method and not of_method)
        ):
            continue
        kinds = str(argument.hint)
        numbers = any(kind in kinds for kind in ("int", "float"))
        values: tuple[Any, ...] = NUMBERS if numbers else TEXTS
        turn = sum(map(ord, flags[0] + name + "".join(method)))
        # Not all for each: the turn differs, so that every value meets many options.
        start = turn % len(values)
        for value in [*values[start:], *values[:start]][:count]:
            given = _with(base, flags[0], value, many=len(get_args(argument.hint)))
            group = f"options of {name}"
            yield Case(
                group,
                f"{' '.join(method)} {flags[0]}={value[:20]!r}",
                (name, *given),
                bounds=PATIENCE,
            )


def _with(base: list[str], flag: str, value: str, many: int) -> tuple[str, ...]:
    """The words with an option set to a value, in place of what was said of it."""
    words, kept = iter(base), []
    for word in words:
        if word == flag:
            next(words, None)
        else:
            kept.append(word)
    return (*kept, f"{flag}={value}")
