"""The recorded metrics for TensorBoard too, where it is installed; metrics.jsonl is the truth."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch


class Board:
    """Writes rows to a folder that `tensorboard --logdir` reads; nothing if it is not installed.

    Args:
        path: the folder. What lies there of the first row's round and later is superseded.
    """

    def __init__(self, path: Path):
        self.path: Path | None = path
        self._writer: Any = None
        self._hook = threading.excepthook

    def record(self, row: dict[str, Any]) -> None:
        """One row of metrics: numbers as curves, counts as histograms."""
        if self.path is None or not self._ready(row["round"]):
            return
        with self._or_not_at_all():
            self._write(row)

    def _write(self, row: dict[str, Any]) -> None:
        for name, value in row.items():
            if isinstance(value, list):
                counted = torch.arange(len(value)).repeat_interleave(torch.tensor(value))
                self._writer.add_histogram(name, counted, row["round"], bins=len(value))
            elif name != "round":
                self._writer.add_scalar(name, value, row["round"])

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            with self._or_not_at_all():
                self._writer.close()
            self._writer = None
            threading.excepthook = self._hook

    @contextmanager
    def _or_not_at_all(self) -> Generator[None]:
        """A full disk is told by `metrics.jsonl`; here it is the end of the curves."""
        try:
            yield
        except OSError:
            self.path = None

    def _ready(self, first: int) -> bool:
        if self._writer is None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                self.path = None
                return False
            # It writes in a thread, which would print what it meets before we hear of it.
            threading.excepthook = self._heard
            with self._or_not_at_all():
                self._writer = SummaryWriter(str(self.path), purge_step=first)
            return self._writer is not None
        return True

    def _heard(self, error: Any) -> None:
        """What a thread met: a disk that takes no more is told elsewhere."""
        if not isinstance(error.exc_value, OSError):
            self._hook(error)
