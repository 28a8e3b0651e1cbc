"""Algorithm 2 literally: what ours is proved equal to and timed against.

One image, one target and one step at a time, contiguous, in the networks' own precision. As in the
authors' code, the stepped network's weights collect gradients that nobody uses.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn


def literal_curves(
    stepped: nn.Module,
    other: nn.Module,
    images: Float[Tensor, "images channels height width"],
    targets: Int64[Tensor, "images targets"],
    *,
    steps: int = 100,
    step_size: float = 1.0,
) -> Float[Tensor, "2 images targets steps"]:
    """The curves of the stepped network and of the other."""
    stepped.eval()
    other.eval()
    curves = torch.empty(2, *targets.shape, steps, dtype=images.dtype)
    for number, image in enumerate(images):
        for place, target in enumerate(targets[number]):
            moved = image[None].clone().contiguous()
            for step in range(steps):
                moved = moved.detach().requires_grad_()
                logits = stepped(moved)
                loss = F.cross_entropy(logits, target[None])
                stepped.zero_grad()
                loss.backward()
                assert moved.grad is not None
                with torch.no_grad():
                    curves[0, number, place, step] = logits.softmax(1)[0, target]
                    curves[1, number, place, step] = other(moved).softmax(1)[0, target]
                    moved = moved - step_size * moved.grad
    return curves
