"""The one exception for what a user can put right, and advice on names that do not exist.

A sentence names settings as Python does, in backticks: `batch_size`. The command line shows them
as its own flags: --batch-size.
"""

import sysconfig
import traceback
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from difflib import get_close_matches
from math import isfinite
from pathlib import Path

NO_MEMORY = (
    "can't allocate memory", "not enough memory", "Storage size calculation overflowed",
    "bad_alloc", "numel: integer multiplication overflow",
)  # fmt: skip
"""What torch says where the processor's memory is not enough."""


class UserError(ValueError):
    """One sentence that says what is wrong and what to do; the command line exits with 2."""


NOT_MEANT = (
    AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError,
    ZeroDivisionError,
)  # fmt: skip
"""What happens where a file says something else than such files say."""


class DivergedError(UserError):
    """A run whose loss or weights are no longer finite; the same settings would diverge again.

    Attributes:
        broken: what is not finite, in words.
    """

    def __init__(self, sentence: str, *, broken: str = "the loss"):
        super().__init__(sentence)
        self.broken = broken


@contextmanager
def read_from(place: object, advice: str) -> Generator[None]:
    """Within it, what a file or folder says and none of ours would say is a `UserError`.

    Args:
        place: what is read.
        advice: what to do then.
    """
    try:
        yield
    except UserError:
        raise
    except NOT_MEANT as error:
        raise UserError(
            f"{place} is damaged or of another version ({first_line(error)}); {advice}"
        ) from error


def first_line(error: BaseException) -> str:
    """What an error of somebody else's says, as far as it fits into a sentence.

    Of an error in the user's own code with its kind, and with the file and line.
    """
    try:
        said = str(error).strip()
    except Exception:
        # It is somebody else's class, which may fail at that too.
        said = ""
    kind = type(error).__name__
    line = said.splitlines()[0][:300] if said else kind
    if (place := place_in_users_code(error)) is None:
        return line
    return f"{line if line == kind else f'{kind}: {line}'} ({place})"


def place_in_users_code(error: BaseException) -> str | None:
    """The file and line of the user's own code where an error arose; None if it arose elsewhere."""
    libraries = {str(Path(__file__).parent), *sysconfig.get_paths().values()}
    found = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if not file.startswith(("<", *libraries)) and Path(file).is_file():
            found = f"{file}, line {line}"
    return found


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was asked for that is not there, by Python, numpy or torch.

    Torch's class for devices is not imported here, and for the processor it has none.
    """
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in NO_MEMORY)


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
