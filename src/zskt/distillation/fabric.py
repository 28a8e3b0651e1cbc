"""Lightning's Fabric for a run: its device, precision and processes."""

import torch
from lightning_fabric import Fabric

from zskt.devices import Where


def make_fabric(where: Where, dtype: torch.dtype = torch.float32) -> Fabric:
    """One process on one device, launched; a student in float64 stays exact."""
    kind, _, index = where.name.partition(":")
    fabric = Fabric(
        accelerator=kind,
        devices=[int(index)] if index and kind == "cuda" else 1,
        precision="bf16-mixed"
        if where.precision == "bf16" and dtype == torch.float32
        else "32-true",
    )
    fabric.launch()
    return fabric
