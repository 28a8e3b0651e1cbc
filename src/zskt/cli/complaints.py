"""What is wrong, told to a terminal: one line on stderr, with settings as flags."""

import re
import sys

from rich.console import Console

SETTING = re.compile(r"`([a-z][a-z0-9_]*)`")
"""How library sentences name a setting; the command line shows its flag."""


def with_flags(sentence: str) -> str:
    """A sentence of the library with its settings as flags: `batch_size` is --batch-size."""
    return SETTING.sub(lambda found: "--" + found[1].replace("_", "-"), sentence)


def complain(sentence: str) -> None:
    """Print a sentence of the library on stderr."""
    Console(file=sys.stderr, soft_wrap=True).print(
        f"zskt: {with_flags(sentence)}", markup=False, highlight=False
    )
