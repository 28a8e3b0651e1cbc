"""How much memory a round needs, told before the start."""

import copy

import torch
from torch import Tensor, nn

from zskt.networks.generator import Generator

COPIES = 4
"""Of what is trained: weights, gradients and the two moments of Adam."""


def bytes_of_a_round(
    generator: Generator, teacher: nn.Module, student: nn.Module, batch_size: int
) -> int:
    """What a generator step keeps in float32: it is the largest of a round, through all three.

    Measured on a batch of two, on copies; what the system and the libraries take comes on top.

    Args:
        generator: draws the images.
        teacher: gives gradients to them.
        student: gives gradients to them.
        batch_size: images in a batch.
    """
    players = [copy.deepcopy(network).float() for network in (generator, teacher, student)]
    weights = sum(p.numel() for network in players for p in network.parameters())
    own = {p.data_ptr() for network in players for p in network.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in own:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    drawing, *watching = players
    for network in watching:
        network.eval().requires_grad_(False)
    with torch.random.fork_rng(), torch.autograd.graph.saved_tensors_hooks(keep, lambda it: it):
        images = drawing(torch.randn(2, generator.noise_size))
        said = [network(images) for network in watching]
        # Held until here, so that no storage is counted under an address used twice.
        del said
    return batch_size * sum(kept.values()) // 2 + 4 * weights * COPIES
