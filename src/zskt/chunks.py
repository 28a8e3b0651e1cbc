"""A frozen network that takes a batch in pieces, so that only one piece's activations are kept.

    forward    each piece by itself; of its way nothing is kept but its images and its answer
    backward   the way of each piece is gone once more, then its gradient is made

In eval mode no image knows of the others, so answers and gradients are those of the whole batch,
to rounding. In train mode batch norm mixes all images of a batch, and a piece would have other
statistics: so this is for frozen networks alone. Chen et al. (2016, arXiv:1604.06174).
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

Images = Float[Tensor, "batch channels height width"]
Answer = tuple[Tensor, ...]


class InChunks(nn.Module):
    """A network in eval mode that takes so many images at once.

    Args:
        network: any from images to logits.
        size: most images of a piece.
    """

    def __init__(self, network: nn.Module, size: int):
        super().__init__()
        self.network = network
        self.size = size
        # As seen from here, where the network names the ends of its stages.
        stages = getattr(network, "stages", None)
        if isinstance(stages, tuple):
            self.stages = tuple(f"network.{name}" for name in stages)

    def forward(self, images: Images) -> Tensor:
        """Logits of all images."""
        (logits,) = in_chunks(self, lambda piece: (self.network(piece),), images)
        return logits


def in_chunks(network: nn.Module, function: Callable[[Images], Answer], images: Images) -> Answer:
    """A function of images that looks at each by itself, in the pieces that a network takes.

    Args:
        network: whose pieces they are; one piece unless it is an `InChunks`.
        function: gives tensors whose rows belong to images, or to pieces; hooks that watch the
            network are set and removed within it, as it is called again for the gradients.
        images: a batch.
    """
    if not isinstance(network, InChunks) or len(images) <= network.size:
        return function(images)
    parts = [
        checkpoint(function, piece, use_reentrant=False, preserve_rng_state=False)
        for piece in images.split(network.size)
    ]
    return tuple(torch.cat(each) for each in zip(*parts, strict=True))
