"""First-order meta-learning: a network moves by what a copy of it learnt on the way.

    copy <- network;  at every step of the copy  g <- g + gradient of the copy;  network descends g

Finn et al. (2017, arXiv:1703.03400), its first-order form.
"""

from copy import deepcopy

import torch
from jaxtyping import Float
from torch import Tensor, nn


class MetaStep:
    """A copy of a network that learns for itself, and what its steps mean for the network."""

    def __init__(self, network: nn.Module):
        self.network = network
        self.copy = deepcopy(network)
        self._sums = [torch.zeros_like(parameter) for parameter in self.copy.parameters()]

    def gather(self) -> None:
        """Count the gradient that the copy has just followed."""
        for total, parameter in zip(self._sums, self.copy.parameters(), strict=True):
            if parameter.grad is not None:
                total += parameter.grad

    def loss(self) -> Float[Tensor, ""]:
        """A loss of the network whose gradient is the sum of those of the copy."""
        pairs = zip(self.network.parameters(), self._sums, strict=True)
        return torch.stack([(each * total).sum() for each, total in pairs]).sum()
