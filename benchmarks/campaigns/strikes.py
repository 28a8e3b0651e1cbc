"""Something happens at the n-th file operation of this process, before it or after it.

It is armed in a child that was forked for it: nothing is put back.
"""

import builtins
import errno
import io
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

OPERATIONS = (
    "fsync", "replace", "rename", "unlink", "mkdir", "rmdir", "truncate", "ftruncate",
)  # fmt: skip
"""Functions of `os`; opening a file for writing is one more."""
Act = Callable[[], object]


class Strikes:
    """Counts file operations below a folder, and acts.

    Args:
        folder: what lies elsewhere is not counted.
        at: the number of the operation, from 0; None only counts.
        act: what happens; an error that it raises is that of the operation.
        after: act after the operation instead of before.
        lasting: act at every later operation too.
    """

    def __init__(
        self, folder: Path, at: int | None, act: Act, *, after: bool = False, lasting: bool = False
    ):
        self.folder = str(folder)
        self.at, self.act, self.after, self.lasting = at, act, after, lasting
        self.count = 0

    def arm(self) -> None:
        """From here on, in this process."""
        for name in OPERATIONS:
            setattr(os, name, self._around(getattr(os, name), counts=self._is_ours))
        opened = self._around(io.open, counts=self._writes)
        io.open = builtins.open = opened

    def _around(self, operation: Callable[..., Any], counts: Callable[..., bool]) -> Any:
        def struck(*given: Any, **named: Any) -> Any:
            if not counts(*given, **named):
                return operation(*given, **named)
            number, self.count = self.count, self.count + 1
            due = self.at is not None and (number == self.at or (self.lasting and number > self.at))
            if due and not self.after:
                self.act()
            result = operation(*given, **named)
            if due and self.after:
                self.act()
            return result

        return struck

    def _is_ours(self, what: Any, *_: Any, **__: Any) -> bool:
        if isinstance(what, int):
            return os.path.realpath(f"/proc/self/fd/{what}").startswith(self.folder)
        return os.path.abspath(os.fsdecode(what)).startswith(self.folder)

    def _writes(self, what: Any, mode: str = "r", *_: Any, **__: Any) -> bool:
        return any(letter in mode for letter in "wxa+") and self._is_ours(what)


def kill() -> None:
    """As a kill by the system: no cleaning up."""
    os.kill(os.getpid(), signal.SIGKILL)


def raising(number: int) -> Act:
    """The error of a system."""

    def act() -> None:
        raise OSError(number, os.strerror(number))

    return act


full, read_only = raising(errno.ENOSPC), raising(errno.EROFS)


def full_for_words_too() -> None:
    """A disk so full that the sentence cannot be written either."""
    device = os.open("/dev/full", os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(device, stream)
    full()


def vanishing(folder: Path) -> Act:
    """Somebody takes the folder away."""
    remove = shutil.rmtree

    def act() -> None:
        os.rename(folder, f"{folder}.gone")
        remove(f"{folder}.gone", ignore_errors=True)

    return act


def clock_back() -> None:
    """The clock of the wall goes back by an hour."""
    real = time.time
    time.time = lambda: real() - 3600  # ty: ignore


def signalled(kind: int) -> Act:
    """A signal to ourselves."""
    return lambda: os.kill(os.getpid(), kind)
