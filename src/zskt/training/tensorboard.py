"""The recorded metrics for TensorBoard too, where it is installed; metrics.jsonl is the truth."""

from pathlib import Path
from typing import Any

import torch


class Board:
    """Writes rows to a folder that `tensorboard --logdir` reads; nothing if it is not installed.

    Args:
        path: the folder; None writes nothing.
        done: rounds already recorded there; what comes after them is superseded.
    """

    def __init__(self, path: Path | None, done: int = 0):
        self.path = path
        self.done = done
        self._writer: Any = None

    def record(self, row: dict[str, Any]) -> None:
        """One row of metrics: numbers as curves, counts as histograms."""
        if self.path is None or not self._ready():
            return
        for name, value in row.items():
            if isinstance(value, list):
                counted = torch.arange(len(value)).repeat_interleave(torch.tensor(value))
                self._writer.add_histogram(name, counted, row["round"], bins=len(value))
            elif name != "round":
                self._writer.add_scalar(name, value, row["round"])

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()

    def _ready(self) -> bool:
        if self._writer is None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                self.path = None
                return False
            self._writer = SummaryWriter(str(self.path), purge_step=self.done + 1)
        return True
