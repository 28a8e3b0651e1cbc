"""One live line on a terminal, plain lines elsewhere."""

import sys
import time
from datetime import timedelta
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

PLAIN_EVERY_SECONDS = 10.0
WIDTH_WITH_BAR = 120
SHOWN = ("loss", "accuracy", "agreement")
"""How the names end of what is shown; everything else is in the metrics file."""


class ProgressLine:
    """Shows how far a run is, how fast it goes and what it measures.

    Args:
        unit: what is counted, for example `rounds`.
        total: how many there will be.
        done: how many there are already, in a resumed run.
        shown: False for silence.
    """

    def __init__(self, unit: str, total: int, done: int = 0, *, shown: bool = True):
        self.unit = unit
        self.total = total
        self.start = done
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
            TextColumn("{task.completed:,.0f}/{task.total:,.0f} " + unit + "{task.fields[text]}"),
            console=self.console,
            disable=not self.live,
        )
        self.task = self.bar.add_task("", total=total, completed=done, text="")

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

    def show(self, facts: dict[str, float]) -> None:
        """Take the newest losses and test figures among the facts."""
        self.facts.update({n: value for n, value in facts.items() if n.endswith(SHOWN)})

    def advance(self, done: int) -> None:
        """Show the count with the newest facts."""
        if not (self.live or (self.shown and self._plain_line_due(done))):
            return
        rate = (done - self.start) / max(time.monotonic() - self.started, 1e-9)
        values = (f"{_short(name)} {value:.3g}" for name, value in self.facts.items())
        left = timedelta(seconds=round((self.total - done) / rate)) if rate else "?"
        text = "  ".join(["", f"{rate:.3g}/s", f"{left} left", *values])
        if self.live:
            self.bar.update(self.task, completed=done, text=text)
        else:
            print(f"{done}/{self.total} {self.unit}{text}", file=sys.stderr)

    def say(self, sentence: str) -> None:
        """Print a sentence above the line."""
        if self.shown:
            self.console.print(sentence, highlight=False, soft_wrap=True)

    def _plain_line_due(self, done: int) -> bool:
        now = time.monotonic()
        due = done == self.total or now - self.last_plain >= PLAIN_EVERY_SECONDS
        if due:
            self.last_plain = now
        return due


def _short(name: str) -> str:
    """A metric's name for the line: `student` for its loss, `accuracy` for the student's."""
    return name.removesuffix("_loss") if name.endswith("_loss") else name.removeprefix("student_")
