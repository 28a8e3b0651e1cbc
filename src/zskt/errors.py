"""The one exception for what a user can put right, and advice on names that do not exist."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches


class UserError(ValueError):
    """One sentence that says what is wrong and what to do; the command line exits with 2."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a name that is not among the known ones, with the nearest of them."""
    known = list(known)
    near = get_close_matches(name, known, n=3, cutoff=0.4) or known
    return UserError(f"unknown {kind} '{name}'; did you mean {' or '.join(near[:5])}?")


def check_positive(settings: Mapping[str, float | None]) -> None:
    """Raise a `UserError` unless every setting that is given is above zero."""
    for name, value in settings.items():
        if value is not None and not value > 0:
            raise UserError(f"{_flag(name)} must be above zero, not {value}")


def check_not_negative(settings: Mapping[str, float | None]) -> None:
    """Raise a `UserError` unless every setting that is given is zero or above."""
    for name, value in settings.items():
        if value is not None and not value >= 0:
            raise UserError(f"{_flag(name)} must be zero or above, not {value}")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
