"""How far many runs are: a live table on a terminal, a line for each news elsewhere."""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal

from rich.console import Console
from rich.live import Live
from rich.table import Table

State = Literal["waits", "runs", "goes on", "finished", "diverged", "failed"]
BUSY: tuple[State, ...] = ("runs", "goes on")
ROWS = 20
TAIL = 8192
"""Bytes at the end of a file of metrics that surely hold a whole row."""


@dataclass
class LiveTable:
    """Takes what happens to tasks and shows it, or is silent.

    Args:
        folders: the run folder of each task, by its name.
        shown: False for silence.
    """

    folders: dict[str, Path]
    shown: bool
    states: dict[str, State] = field(init=False)
    places: dict[str, str] = field(init=False, default_factory=dict)
    """Which machine a task ran on."""

    def __post_init__(self):
        self.states = dict.fromkeys(self.folders, "waits")
        console = Console(file=sys.stderr)
        self.live = Live(console=console, auto_refresh=False, transient=True)
        self.on_terminal = self.shown and console.is_terminal

    def __enter__(self) -> "LiveTable":
        if self.on_terminal:
            self.live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.on_terminal:
            self.live.stop()

    def news(self, name: str, state: State, why: str = "", place: str = "") -> None:
        """A task has come into a state."""
        self.states[name] = state
        if place:
            self.places[name] = place
        if state == "runs" or not self.shown:
            return
        ended = sum(each not in (*BUSY, "waits") for each in self.states.values())
        told = f"{name}: {state}" + (f", {why}" if why else "")
        self.live.console.print(
            f"{told} ({ended} of {len(self.states)})", markup=False, highlight=False, soft_wrap=True
        )

    def refresh(self) -> None:
        """Draw the table anew, with how far each run is."""
        if self.on_terminal:
            self.live.update(self.table(), refresh=True)

    def table(self) -> Table:
        """The runs that are being made, and as many of the others as there is room for."""
        counts = {state: [*self.states.values()].count(state) for state in self.states.values()}
        title = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
        table = Table("run", "state", "round", "accuracy", "machine", title=title)
        names = sorted(self.states, key=lambda name: self.states[name] not in BUSY)
        for name in names[:ROWS]:
            row = last_row(self.folders[name] / "metrics.jsonl")
            share = row.get("student_accuracy", row.get("test_accuracy"))
            table.add_row(
                name, self.states[name], str(row.get("round", row.get("epoch", ""))),
                f"{share:.2%}" if isinstance(share, float) else "", self.places.get(name, ""),
            )  # fmt: skip
        return table


def last_row(file: Path) -> dict:
    """The last whole row of a file of metrics, without reading the rest; empty if there is none."""
    try:
        with file.open("rb") as opened:
            opened.seek(max(0, file.stat().st_size - TAIL), os.SEEK_SET)
            *_, last, _ = b"\n\n".join([b"", opened.read()]).split(b"\n")
        row = json.loads(last) if last else {}
    except (OSError, ValueError):
        return {}
    return row if isinstance(row, dict) else {}
