"""The best of the images that an optimisation passes through."""

import torch
from jaxtyping import Float
from torch import Tensor


class BestImages:
    """Those of the smallest loss so far; compared on the device, without waiting for it."""

    def __init__(self):
        self._images: Float[Tensor, "batch channels height width"] | None = None
        self._loss: Float[Tensor, ""] | None = None

    @property
    def images(self) -> Float[Tensor, "batch channels height width"]:
        """Of at least one offer."""
        assert self._images is not None
        return self._images

    def offer(
        self, images: Float[Tensor, "batch channels height width"], loss: Float[Tensor, ""]
    ) -> None:
        """Take images if their loss is the smallest."""
        images, loss = images.detach(), loss.detach()
        if self._images is None or self._loss is None:
            self._images, self._loss = images, loss
            return
        self._images = torch.where(loss < self._loss, images, self._images)
        self._loss = torch.minimum(loss, self._loss)
