"""How far two classifiers are apart: pure functions of tensors, in float32 or better.

Every discrepancy D(teacher, student) is a mean over images *and classes*, without a factor T^2:
the scale of the zero-shot paper's code, and 1/classes of what "batchmean" gives.
"""

import math
from collections.abc import Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Logits = Float[Tensor, "batch classes"]


class Discrepancy(Protocol):
    """The signature of every discrepancy."""

    def __call__(
        self, teacher: Logits, student: Logits, temperature: float = 1.0
    ) -> Float[Tensor, ""]:
        """How far apart they are."""
        ...


def kl(teacher: Logits, student: Logits, temperature: float = 1.0) -> Float[Tensor, ""]:
    """KL(p || q) = 1/(B C) sum p log(p / q) with p, q = softmax(teacher / T), softmax(student / T).

    Micaelli & Storkey (2019), equation 1, reduced as their code does.
    """
    log_p, log_q = _log_probabilities(teacher, student, temperature)
    return (log_p.exp() * (log_p - log_q)).mean()


def reverse_kl(teacher: Logits, student: Logits, temperature: float = 1.0) -> Float[Tensor, ""]:
    """KL(q || p), the divergence with its sides changed."""
    return kl(student, teacher, temperature)


def js(teacher: Logits, student: Logits, temperature: float = 1.0) -> Float[Tensor, ""]:
    """Jensen-Shannon: the mean of KL(p || m) and KL(q || m), m halfway between p and q."""
    log_p, log_q = _log_probabilities(teacher, student, temperature)
    log_m = torch.logaddexp(log_p, log_q) - math.log(2)
    return (log_p.exp() * (log_p - log_m) + log_q.exp() * (log_q - log_m)).mean() / 2


def l1(teacher: Logits, student: Logits, temperature: float = 1.0) -> Float[Tensor, ""]:
    """Mean absolute difference of the logits / T (Fang et al., 2019, arXiv:1912.11006)."""
    return (full_precision(teacher) - full_precision(student)).abs().mean() / temperature


DISCREPANCIES: dict[str, Discrepancy] = {
    "kl": kl,
    "reverse-kl": reverse_kl,
    "js": js,
    "l1": l1,
}


def attention_map(
    activation: Float[Tensor, "batch channels height width"],
) -> Float[Tensor, "batch pixels"]:
    """Q = A / ||A||_2 for each image, A the sum over channels of the squared activation.

    Zagoruyko & Komodakis (2017), arXiv:1612.03928.
    """
    return F.normalize(_Energy.apply(activation).flatten(1), dim=1)


class _Energy(torch.autograd.Function):
    """Sum over channels of squares, in float32 or better.

    Autograd's own gradient of it is made in float32 and in another memory layout than the
    activation, so that it costs more than the convolution that made the activation.
    """

    @staticmethod
    def forward(ctx: Any, activation: Tensor) -> Tensor:
        ctx.save_for_backward(activation)
        return full_precision(activation).square().sum(1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (activation,) = ctx.saved_tensors
        of_each = (2 * gradients[0]).unsqueeze(1).to(activation.dtype)
        # Spread over the channels first: multiplied as it is, few channels take four times as long.
        return torch.empty_like(activation).copy_(of_each).mul_(activation)


def attention_transfer(
    teacher: Sequence[Float[Tensor, "batch _"]], student: Sequence[Float[Tensor, "batch _"]]
) -> Float[Tensor, ""]:
    """Sum over stages of 1/(B H W) sum (Q_teacher - Q_student)^2 on attention maps.

    Equation 1 of Micaelli & Storkey (2019) writes the norm without the square; their code has
    the squared distance and this mean, for which beta = 250.
    """
    pairs = zip(teacher, student, strict=True)
    return torch.stack([F.mse_loss(ours, theirs) for theirs, ours in pairs]).sum()


def _log_probabilities(one: Logits, other: Logits, temperature: float) -> tuple[Logits, Logits]:
    first, second = (F.log_softmax(full_precision(x) / temperature, dim=1) for x in (one, other))
    return first, second


def full_precision(values: Tensor) -> Tensor:
    """Half precision to float32; float32 and float64 as they are."""
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values
