"""One live line on a terminal, plain lines elsewhere."""

import sys
import time
from datetime import timedelta
from math import inf
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

LONGEST = 1e11
"""Seconds that are told; above it nobody waits."""
PLAIN_EVERY_SECONDS = 10.0
WIDTH_WITH_BAR = 120
SHOWN = ("loss", "accuracy", "agreement")
"""How the names end of what is shown; everything else is in the metrics file."""


class ProgressLine:
    """Shows how far a run is, how fast it goes and what it measures.

    Args:
        unit: what is counted, for example `rounds`.
        total: how many there will be; None where that is not known.
        done: how many there are already, in a resumed run.
        share: how far that is, as for `advance`.
        shown: False for silence.
    """

    def __init__(
        self, unit: str, total: int | None, done: int = 0, share: float = 0.0, *, shown: bool = True
    ):
        self.unit = unit
        self.total = total
        self.start = done
        self.start_share = self._share(done, share)
        self.shown = shown
        self.started = time.monotonic()
        self.last_plain = float("-inf")
        self.facts: dict[str, float] = {}
        self.console = Console(file=sys.stderr)
        self.live = shown and self.console.is_terminal
        bar = [BarColumn(bar_width=24)] if self.console.width >= WIDTH_WITH_BAR else []
        self.bar = Progress(
            *bar,
            # One column: what a narrow terminal cuts off is its end, the least of it.
            TextColumn("{task.fields[text]}"),
            console=self.console,
            disable=not self.live,
        )
        self.task = self.bar.add_task("", total=1.0, text="")

    def __enter__(self) -> "ProgressLine":
        self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.bar.stop()

    def show(self, facts: dict[str, Any]) -> None:
        """Take the newest losses and test figures among the facts."""
        self.facts.update({name: value for name, value in facts.items() if name.endswith(SHOWN)})

    def advance(self, done: int, share: float = 0.0) -> None:
        """Show the count with the newest facts.

        Args:
            done: how many there are.
            share: how far that is, 0 to 1, where more than the count tells it, such as a clock.
        """
        share = self._share(done, share)
        if not (self.live or (self.shown and self._plain_line_due(done, share))):
            return
        elapsed = max(time.monotonic() - self.started, 1e-9)
        behind = share - self.start_share
        rest = elapsed * (1 - share) / behind if behind > 0 else inf
        left = timedelta(seconds=round(rest)) if rest < LONGEST else "?"
        values = (f"{_short(name)} {value:.3g}" for name, value in self.facts.items())
        count = f"{done:,}" if self.total is None else f"{done:,}/{self.total:,}"
        rate = f"{(done - self.start) / elapsed:.3g}/s"
        text = "  ".join([f"{count} {self.unit}", rate, f"{left} left", *values])
        if self.live:
            self.bar.update(self.task, completed=share, text=text)
        else:
            print(text, file=sys.stderr)

    def say(self, sentence: str) -> None:
        """Print a sentence above the line."""
        if self.shown:
            self.console.print(sentence, markup=False, highlight=False, soft_wrap=True)

    def _share(self, done: int, share: float) -> float:
        return max(share, done / self.total if self.total else 0.0)

    def _plain_line_due(self, done: int, share: float) -> bool:
        now = time.monotonic()
        due = done == self.total or share >= 1 or now - self.last_plain >= PLAIN_EVERY_SECONDS
        if due:
            self.last_plain = now
        return due


def _short(name: str) -> str:
    """A metric's name for the line: `student` for its loss, `accuracy` for the student's."""
    return name.removesuffix("_loss") if name.endswith("_loss") else name.removeprefix("student_")
