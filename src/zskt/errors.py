"""The one exception for what a user can put right, and advice on names that do not exist.

A sentence names settings as Python does, in backticks: `batch_size`. The command line shows them
as its own flags: --batch-size.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from math import isfinite


class UserError(ValueError):
    """One sentence that says what is wrong and what to do; the command line exits with 2."""


class DivergedError(UserError):
    """A run whose loss or weights are no longer finite; the same settings would diverge again.

    Attributes:
        broken: what is not finite, in words.
    """

    def __init__(self, sentence: str, *, broken: str = "the loss"):
        super().__init__(sentence)
        self.broken = broken


def first_line(error: BaseException) -> str:
    """What an error of somebody else's says, as far as it fits into a sentence."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a name that is not among the known ones, with the nearest of them."""
    known = list(known)
    near = get_close_matches(name, known, n=3, cutoff=0.4) or known
    return UserError(f"unknown {kind} '{name}'; did you mean {' or '.join(near[:5])}?")


def check_settings(settings: object, *may_be_zero: str, at_most_one: tuple[str, ...] = ()) -> None:
    """Raise a `UserError` unless every number among the attributes is finite and above zero.

    Args:
        settings: an object whose attributes are settings.
        may_be_zero: names of those that may also be zero.
        at_most_one: names of those that are shares.
    """
    for name, value in vars(settings).items():
        if type(value) not in (int, float):
            continue
        if isinstance(value, int) and value >= 2**63:
            raise UserError(f"`{name}` must be below 2**63, not {value}")
        low = "zero or above" if name in may_be_zero else "above zero"
        if not (isfinite(value) and (value > 0 or (value == 0 and name in may_be_zero))):
            raise UserError(f"`{name}` must be {low}, not {value}")
        if name in at_most_one and value > 1:
            raise UserError(f"`{name}` must be at most 1, not {value}")
