"""Adam on one tensor whose gradient is given (Kingma & Ba, 2015, arXiv:1412.6980)."""

import torch
from jaxtyping import Float
from torch import Tensor

FIRST_DECAY = 0.9
SECOND_DECAY = 0.999
EPSILON = 1e-8


class Adam:
    """`torch.optim.Adam` with its defaults, without its 30 microseconds for finding the tensors.

    Args:
        values: adjusted in place.
        learning_rate: size of a step.
    """

    def __init__(self, values: Float[Tensor, "*shape"], learning_rate: float):
        self.values = values
        self.learning_rate = learning_rate
        self.mean = torch.zeros_like(values)
        self.square = torch.zeros_like(values)
        self.deviation = torch.empty_like(values)
        self.steps = 0

    def descend(self, gradient: Float[Tensor, "*shape"]) -> None:
        """One step against the gradient."""
        self.steps += 1
        self.mean.lerp_(gradient, 1 - FIRST_DECAY)
        self.square.mul_(SECOND_DECAY).addcmul_(gradient, gradient, value=1 - SECOND_DECAY)
        # The means start at zero; this is how much of their weight is real by now.
        mean_share, square_share = 1 - FIRST_DECAY**self.steps, 1 - SECOND_DECAY**self.steps
        torch.sqrt(self.square, out=self.deviation).div_(square_share**0.5).add_(EPSILON)
        self.values.addcdiv_(self.mean, self.deviation, value=-self.learning_rate / mean_share)
