"""Transition curves: Algorithm 2 of Micaelli & Storkey (2019, arXiv:1905.09768), in batches.

    for every image x on which A and B predict the same class i        # Algorithm 2
        for every class j other than i
            x_adv <- x
            for k = 0 .. K - 1
                p_A[k], p_B[k] <- p_A(j | x_adv), p_B(j | x_adv)
                x_adv <- x_adv - xi * d CE(A(x_adv), j) / d x_adv
    MTE = mean of |p_A - p_B| over images, classes j and steps k

Plain gradient descent in the space of normalised images, without clipping. The pairs (x, j) do not
touch each other: in eval mode the gradient of the *summed* cross-entropy holds the gradient of
each, where a mean would divide the step by the size of the batch.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from zskt.errors import UserError
from zskt.modes import evaluating, frozen
from zskt.networks.inference_form import inference_form

Autocast = Callable[[], AbstractContextManager]


@dataclass(frozen=True)
class Curves:
    """The probability of the target class before every step, for every image and target."""

    stepped: Float[Tensor, "images targets steps"]
    """Of the network whose gradient is followed (A)."""
    other: Float[Tensor, "images targets steps"]
    """Of the network that looks on (B)."""


class TransitionError(NamedTuple):
    """The mean transition error, 0 to 1, with its standard error."""

    mean: float
    standard_error: float | None
    """Over images; None for a single one."""
    images: int

    def __str__(self) -> str:
        if self.standard_error is None:
            return f"mean transition error {self.mean:.4f} of a single image"
        spread = f"{self.standard_error:.4f} (standard error over {self.images} images)"
        return f"mean transition error {self.mean:.4f} ± {spread}"


def transition_curves(
    stepped: nn.Module,
    other: nn.Module,
    images: Float[Tensor, "images channels height width"],
    targets: Int64[Tensor, "images targets"],
    *,
    steps: int = 100,
    step_size: float = 1.0,
    batch_size: int = 64,
    autocast: Autocast = nullcontext,
    progress: Callable[[int], None] = lambda done: None,
) -> Curves:
    """Step every normalised image towards each of its targets; both networks' curves, on the CPU.

    Both networks, on one device, run in eval mode, in which the images of a batch must not touch
    each other, and without gradients for their weights; both are put back as they were. `steps` is
    K, the first on the image itself, and `step_size` xi. `batch_size` pairs of an image and a
    target are stepped together, which bounds the memory and changes the result by rounding only.
    `autocast` makes the context of every forward pass; probabilities are float32 or better.
    `progress` is told after every step how many (image, target, step) are done.
    """
    device = next(stepped.parameters()).device
    count, per_image = targets.shape
    curves = torch.empty(2, count * per_image, steps, dtype=images.dtype)
    done = 0
    with evaluating(stepped), evaluating(other), frozen(stepped), frozen(other):
        one = images[:1].to(device)
        stepped, other = (inference_form(network, one) for network in (stepped, other))
        for pairs in torch.arange(count * per_image).split(batch_size):
            start = images[pairs // per_image].to(device, memory_format=torch.channels_last)
            towards = targets.flatten()[pairs].to(device)
            believed = []
            for beliefs in _beliefs(stepped, other, start, towards, steps, step_size, autocast):
                believed.append(beliefs)
                done += len(pairs)
                progress(done)
            # Only here: a device would be waited for at every step.
            curves[:, pairs] = torch.stack(believed, dim=-1).to("cpu", curves.dtype)
            if not curves[:, pairs].isfinite().all():
                raise UserError("a probability is no longer finite; take a smaller `step_size`")
    return Curves(*curves.view(2, count, per_image, steps))


def mean_transition_error(curves: Curves) -> TransitionError:
    """Mean of |p_A - p_B| over images, targets and steps (section 4.4 of the paper).

    The targets and steps of one image depend on each other, so images are the independent units:
    the standard error is the standard deviation over images of the image's own mean, divided by the
    root of their number.
    """
    of_each = (curves.stepped - curves.other).abs().double().mean((1, 2))
    count = len(of_each)
    error = (of_each.std() / count**0.5).item() if count > 1 else None
    return TransitionError(of_each.mean().item(), error, count)


def _beliefs(
    stepped: nn.Module,
    other: nn.Module,
    images: Tensor,
    targets: Tensor,
    steps: int,
    step_size: float,
    autocast: Autocast,
) -> Iterator[Float[Tensor, "2 pairs"]]:
    """Both networks' p_j before each step: one forward of both, one backward of the stepped one."""
    for left in reversed(range(steps)):
        # Nothing is recorded after the last step, so it is not taken.
        images = images.detach().requires_grad_(left > 0)
        with torch.enable_grad():
            belief = _log_belief(stepped, images, targets, autocast)
        with torch.no_grad():
            others = _log_belief(other, images, targets, autocast)
        yield torch.stack([belief.detach(), others]).exp()
        if left:
            (gradient,) = torch.autograd.grad(-belief.sum(), images)
            images = images.detach() - step_size * gradient


def _log_belief(
    network: nn.Module, images: Tensor, targets: Tensor, autocast: Autocast
) -> Float[Tensor, " pairs"]:
    """The logarithm of p_j, which is minus the cross-entropy to class j."""
    with autocast():
        logits = network(images)
    full = logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits
    return -F.cross_entropy(full, targets, reduction="none")
