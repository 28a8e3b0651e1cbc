"""How good a network is on labelled images, and how much two networks agree."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from zskt.data.batches import normalise
from zskt.data.image_data import Split


@torch.no_grad()
def predict(
    network: nn.Module, split: Split, mean: tuple[float, ...], std: tuple[float, ...]
) -> Float[Tensor, "count classes"]:
    """Logits of a network in eval mode for every image, in float32 on the CPU.

    The network's mode is put back afterwards.
    """
    was_training = network.training
    network.eval()
    parameter = next(network.parameters())
    logits = [
        network(normalise(images.to(parameter.device), mean, std).to(parameter.dtype)).float().cpu()
        for images in split.images.split(500)
    ]
    network.train(was_training)
    return torch.cat(logits)


def accuracy(
    logits: Float[Tensor, "count classes"], labels: Int64[Tensor, "count"]
) -> float:
    """Share of images whose largest logit is that of the label, 0 to 1."""
    return (logits.argmax(1) == labels).double().mean().item()


def agreement(
    logits: Float[Tensor, "count classes"], others: Float[Tensor, "count classes"]
) -> float:
    """Share of images for which two networks predict the same class, 0 to 1."""
    return (logits.argmax(1) == others.argmax(1)).double().mean().item()
