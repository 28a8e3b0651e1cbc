"""Lightning's Fabric for a run: its device, precision and processes."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy

from zskt.devices import Where

PATIENCE = timedelta(minutes=30)
"""How long processes wait for one another: above all for the first, which alone measures."""


class Meeting:
    """Where processes wait until all are about to join, for joining cannot be broken off."""

    others: Callable[[], object] = staticmethod(lambda: None)


def make_fabric(where: Where, dtype: torch.dtype = torch.float32) -> Fabric:
    """This process on its device, with the others if there are any; float64 stays exact."""
    kind, _, index = where.name.partition(":")
    together: dict[str, Any] = {"devices": [int(index)] if index and kind == "cuda" else 1}
    if where.processes > 1:
        together = {
            "devices": where.devices, "num_nodes": where.nodes,
            "strategy": DDPStrategy(timeout=PATIENCE),
        }  # fmt: skip
        Meeting.others()
        # It announces every process.
        logging.getLogger("lightning_fabric.utilities.distributed").setLevel(logging.WARNING)
    half = where.precision == "bf16" and dtype == torch.float32
    fabric = Fabric(accelerator=kind, precision="bf16-mixed" if half else "32-true", **together)
    fabric.launch()
    return fabric
