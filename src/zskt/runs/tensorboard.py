"""The recorded metrics for TensorBoard too, where it is installed; metrics.jsonl is the truth."""

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

    def record(self, row: dict[str, Any]) -> None:
        """One row of metrics: numbers as curves, counts as histograms."""
        if self.path is None or not self._ready(row["round"]):
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
            self._writer = None

    def _ready(self, first: int) -> bool:
        if self._writer is None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                self.path = None
                return False
            self._writer = SummaryWriter(str(self.path), purge_step=first)
        return True
