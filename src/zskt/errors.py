"""The one exception for what a user can put right, and advice on names that do not exist."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(ValueError):
    """One sentence that says what is wrong and what to do; the command line exits with 2."""


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a name that is not among the known ones, with the nearest of them."""
    known = list(known)
    near = get_close_matches(name, known, n=3, cutoff=0.4) or known
    return UserError(f"unknown {kind} '{name}'; did you mean {' or '.join(near[:5])}?")


def check_positive(settings: object, *names: str) -> None:
    """Raise a `UserError` unless each of these settings is above zero."""
    for name in names:
        if not getattr(settings, name) > 0:
            raise UserError(f"{_flag(name)} must be above zero, not {getattr(settings, name)}")


def check_not_negative(settings: object, *names: str) -> None:
    """Raise a `UserError` unless each of these settings is zero or above."""
    for name in names:
        if not getattr(settings, name) >= 0:
            raise UserError(f"{_flag(name)} must be zero or above, not {getattr(settings, name)}")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
