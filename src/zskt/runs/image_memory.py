"""Images that a method keeps: uint8 in a file that only grows, its length in the checkpoint.

A checkpoint would be as large as the memory if it held the images. So they lie beside it, appended
as they come; a run that goes on from a checkpoint cuts off what came after it.
"""

import os
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from zskt.errors import UserError
from zskt.images import Normalisation

UNKNOWN = 2.0
"""Where the normalisation is not known, pixels are taken to lie so many spreads around zero."""


class ImageMemory:
    """A growing list of images, part of a session's saved state.

    Args:
        file: where they lie; None keeps them in this process only.
        input_size: channels, height and width.
        normalisation: of the images that are given and taken.
    """

    def __init__(
        self,
        file: Path | None,
        input_size: tuple[int, int, int],
        normalisation: Normalisation | None = None,
    ):
        self.file = file
        self.input_size = input_size
        self._size = torch.Size(input_size).numel()
        low, high = (
            normalisation.bounds
            if normalisation
            else ((-UNKNOWN,) * input_size[0], (UNKNOWN,) * input_size[0])
        )
        self._low = torch.tensor(low).view(-1, 1, 1)
        self._range = torch.tensor(high).view(-1, 1, 1) - self._low
        self._parts: list[UInt8[Tensor, "count channels height width"]] = []
        self._unwritten = 0

    def __len__(self) -> int:
        return sum(len(part) for part in self._parts)

    def add(self, images: Float[Tensor, "count channels height width"]) -> None:
        """Keep normalised images, rounded to the 256 values of a pixel."""
        shares = (images.detach().float().cpu() - self._low) / self._range
        self._parts.append((shares.clamp(0, 1) * 255).round().to(torch.uint8))
        self._unwritten += 1

    def take(self, index: Int64[Tensor, " count"]) -> Float[Tensor, "count channels height width"]:
        """Normalised images by their places, on the CPU."""
        if len(self._parts) > 1:
            self._write()
            self._parts = [torch.cat(self._parts)]
        return self._low + self._range * (self._parts[0][index].float() / 255)

    def images(self, count: int, seed: int) -> Float[Tensor, "count channels height width"]:
        """So many of them, drawn by a seed, with repeats only where there are fewer."""
        random = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(self), generator=random)
        return self.take(order.repeat(-(-count // len(order)))[:count])

    def state_dict(self) -> dict[str, Any]:
        """How many there are, once all of them are on the disk; without a file, all of them."""
        self._write()
        if self.file is None:
            return {"count": len(self), "parts": list(self._parts)}
        return {"count": len(self)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to so many images, and cut off what was written after them.

        Raises:
            UserError: if the file holds fewer.
        """
        if self.file is None:
            self._parts = list(state["parts"])
            return
        self.read(state["count"])
        if self.file.exists():
            os.truncate(self.file, state["count"] * self._size)

    def read(self, count: int) -> None:
        """Take the first images of the file, which stays as it is.

        Raises:
            UserError: if the file holds fewer.
        """
        assert self.file is not None
        self._parts, self._unwritten = [], 0
        if not count:
            return
        there = self.file.stat().st_size if self.file.exists() else 0
        if there < count * self._size:
            raise UserError(f"the memory {self.file} lacks images; start the run anew")
        with self.file.open("rb") as file:
            data = bytearray(file.read(count * self._size))
        self._parts = [torch.frombuffer(data, dtype=torch.uint8).view(-1, *self.input_size)]

    def _write(self) -> None:
        """Append what is new, and have it on the disk."""
        if self.file is None or not self._unwritten:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("ab") as file:
            for part in self._parts[len(self._parts) - self._unwritten :]:
                file.write(part.numpy().tobytes())
            file.flush()
            os.fsync(file.fileno())
        self._unwritten = 0
