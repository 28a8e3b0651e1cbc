"""Images that a method keeps: the newest so many, uint8, in a file beside the checkpoint.

A checkpoint would be as large as the memory if it held the images. So they lie beside it, in a
file of twice as many places that is written round and round: what is written after a checkpoint
goes where only images lie that the checkpoint has already forgotten. Images that came and were
forgotten between two checkpoints are not written, and have no place in the file.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from zskt.devices import sent
from zskt.errors import UserError
from zskt.images import Normalisation

Pixels = UInt8[Tensor, "count channels height width"]
UNKNOWN = 2.0
"""Where the normalisation is not known, pixels are taken to lie so many spreads around zero."""
MOST = 50_000
MOST_BYTES = 2**30
"""However many images are asked for, a memory takes no more than this, and its file twice that."""


class ImageMemory:
    """The newest images of a run, part of a session's saved state.

    Args:
        file: where they lie; None keeps them in this process only.
        input_size: channels, height and width.
        normalisation: of the images that are given and taken.
        most: how many are kept; fewer if they would take more than `MOST_BYTES`.
        gather: makes those of all processes of those of this one.
    """

    def __init__(
        self,
        file: Path | None,
        input_size: tuple[int, int, int],
        normalisation: Normalisation | None = None,
        most: int = MOST,
        gather: Callable[[Pixels], Pixels] = lambda pixels: pixels,
    ):
        self.file = file
        self._gather = gather
        self.input_size = input_size
        self._size = torch.Size(input_size).numel()
        self.most = max(1, min(most, MOST_BYTES // self._size))
        low, high = (
            normalisation.bounds
            if normalisation
            else ((-UNKNOWN,) * input_size[0], (UNKNOWN,) * input_size[0])
        )
        self._low = torch.tensor(low).view(-1, 1, 1)
        self._range = torch.tensor(high).view(-1, 1, 1) - self._low
        self._places = torch.empty(0, *input_size, dtype=torch.uint8)
        self._count = 0
        self._written = 0
        self._in_file = 0
        """Images that were ever written; fewer than came, if some were forgotten before."""

    def __len__(self) -> int:
        return min(self._count, self.most)

    def add(self, images: Float[Tensor, "count channels height width"]) -> None:
        """Keep normalised images of every process, rounded to the 256 values of a pixel."""
        shares = (images.detach().float().cpu() - self._low) / self._range
        self._keep(self._gather((shares.clamp(0, 1) * 255).round().to(torch.uint8)))

    def _keep(self, pixels: Pixels) -> None:
        """Keep images as they are stored."""
        pixels = pixels[-self.most :]
        end = self._count + len(pixels)
        if len(self._places) < min(end, self.most):
            # Grown by doubling, so that a short run does not take a long one's memory.
            size = min(self.most, max(1024, 2 * end))
            grown = torch.empty(size, *self.input_size, dtype=torch.uint8)
            grown[: len(self._places)] = self._places
            self._places = grown
        self._places[torch.arange(self._count, end) % self.most] = pixels.cpu()
        self._count = end

    def take(
        self, index: Int64[Tensor, " count"], device: torch.device | str = "cpu"
    ) -> Float[Tensor, "count channels height width"]:
        """Normalised images by their places."""
        pixels, low, step = (
            sent(each, torch.device(device))
            for each in (self._places[index], self._low, self._range / 255)
        )
        return torch.addcmul(low, pixels.float(), step)

    def draw(
        self, count: int, random: torch.Generator, device: torch.device | str = "cpu"
    ) -> Float[Tensor, "count channels height width"]:
        """So many of them by chance, each as likely as any other."""
        return self.take(torch.randint(len(self), (count,), generator=random), device)

    def images(self, count: int, seed: int) -> Float[Tensor, "count channels height width"]:
        """So many of them, drawn by a seed, with repeats only where there are fewer."""
        random = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(self), generator=random)
        return self.take(order.repeat(-(-count // len(order)))[:count])

    def state_dict(self) -> dict[str, Any]:
        """How many there were, once all are on the disk; without a file, the images too."""
        self._write()
        if self.file is None:
            return {"count": self._count, "places": self._places[: len(self)].clone()}
        return {"count": self._count, "in_file": self._in_file, "most": self.most}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to so many images.

        Raises:
            UserError: if the file holds fewer.
        """
        if self.file is None:
            self._places, self._count = state["places"].clone(), state["count"]
            return
        self.read(state["count"], state.get("in_file"))
        # While the file has not gone round, what came after is cut off.
        if self.file.exists() and self._in_file < 2 * self.most:
            os.truncate(self.file, self._in_file * self._size)

    def read(self, count: int, in_file: int | None = None) -> None:
        """Take the newest of so many images from the file, which stays as it is.

        Args:
            count: how many came.
            in_file: how many of them were written, if not all.

        Raises:
            UserError: if the file holds fewer.
        """
        assert self.file is not None
        kept, last = min(count, self.most), count if in_file is None else in_file
        self._places = torch.empty(0, *self.input_size, dtype=torch.uint8)
        self._count = count - kept
        there = self.file.stat().st_size if self.file.exists() else 0
        stretches = list(self._stretches(last - kept, last))
        # The first time round, a file ends where the last image lies that was ever written.
        if there < max((end for _, end in stretches), default=0) * self._size:
            raise UserError(f"the memory {self.file} lacks images; start the run anew")
        for start, end in stretches:
            with self.file.open("rb") as file:
                file.seek(start * self._size)
                data = bytearray(file.read((end - start) * self._size))
            self._keep(torch.frombuffer(data, dtype=torch.uint8).view(-1, *self.input_size))
        self._written, self._in_file = self._count, last

    def _write(self) -> None:
        """Write what is new, and have it on the disk."""
        if self.file is None or self._written == self._count:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.touch()
        new = min(self._count - self._written, self.most)
        first, last = self._count - new, self._in_file + new
        with self.file.open("r+b") as file:
            for start, end in self._stretches(self._in_file, last):
                file.seek(start * self._size)
                numbers = torch.arange(first, first + end - start)
                file.write(self._places[numbers % self.most].numpy().tobytes())
                first += end - start
            file.flush()
            os.fsync(file.fileno())
        self._written, self._in_file = self._count, last

    def _stretches(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Places in the file of images as they were written, in one piece or two."""
        around = 2 * self.most
        while first < last:
            start = first % around
            end = min(around, start + last - first)
            yield start, end
            first += end - start
