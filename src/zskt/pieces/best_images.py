"""The best of the images that an optimisation passes through."""

import torch
from jaxtyping import Float
from torch import Tensor


class BestImages:
    """Those of the smallest loss so far; compared on the device, without waiting for it."""

    def __init__(self):
        self.images: Float[Tensor, "batch channels height width"] | None = None
        self._loss: Float[Tensor, ""] | None = None

    def offer(
        self, images: Float[Tensor, "batch channels height width"], loss: Float[Tensor, ""]
    ) -> None:
        """Take images if their loss is the smallest."""
        images, loss = images.detach(), loss.detach()
        if self.images is None or self._loss is None:
            self.images, self._loss = images, loss
            return
        self.images = torch.where(loss < self._loss, images, self.images)
        self._loss = torch.minimum(loss, self._loss)
