"""A generator of images of given classes by a first layer that is noise itself.

Tran et al. (2024, arXiv:2310.00258): the input is a fixed code of the class, the same for every
image, and what varies is the first layer, drawn anew for each batch and trained with it. Here the
codes are random and orthogonal, in place of text embeddings of the classes' names.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from zskt.images import Bounds, Images
from zskt.networks.generator import Generator

CODE = 128
"""Length of a class's code, if there are not more classes."""
GROUP = 10
"""Images that share a noisy layer, of different classes where there are as many."""


class NoisyGenerator(nn.Module):
    """Class labels (batch,) to images (batch, channels, height, width).

    Args:
        output_size: channels, height and width of the images.
        classes: how many labels there are.
        batch_size: images in every batch.
        hidden: outputs of a noisy layer.
        width: channels of the first maps of the generator behind it.
        bounds: lowest and highest pixel of each channel, to stay between.
    """

    def __init__(
        self,
        output_size: tuple[int, int, int],
        classes: int,
        batch_size: int,
        hidden: int = 1000,
        width: int = 128,
        bounds: Bounds | None = None,
    ):
        super().__init__()
        self.codes: Tensor
        length = max(CODE, classes)
        codes = nn.init.orthogonal_(torch.empty(classes, length))
        self.register_buffer("codes", codes * length**0.5)
        self.bn = nn.BatchNorm1d(length)
        groups = -(-batch_size // GROUP)
        self.noisy = nn.Parameter(torch.randn(groups, length, hidden))
        # Noise, if trained: of several processes each has its own.
        self.noisy.is_noise = True  # ty: ignore
        self.generator = Generator(output_size, hidden, width, bounds=bounds)

    def forward(self, labels: Int64[Tensor, " batch"]) -> Images:
        """Images of these classes; all groups are full but the last."""
        codes: Float[Tensor, "batch code"] = self.bn(self.codes[labels])
        hidden = [part @ layer for part, layer in zip(codes.split(GROUP), self.noisy, strict=True)]
        return self.generator(torch.cat(hidden) / self.codes.shape[1] ** 0.5)
