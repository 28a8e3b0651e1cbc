"""The game of the paper's Fig. 1: points in the plane instead of a generator of images.

    x_1 .. x_50 = 6 sigmoid(z_i) - 3,  z_i ~ N(3, 1)          all start in the upper right corner
    for every round
        repeat 50 times
            z <- z + Adam[ clamp(grad_z  D(T(x), S(x)), +-3) ]          the points look for
                                                                        disagreement
        repeat 10 times
            S <- S - Adam[ clip(grad_S  D(T(x), S(x)), norm 3) ]        the student learns there

T is the teacher, S the student, both a perceptron 2-100-500-3, and D = 1/(B C) sum_points
sum_classes p log(p / q) with p = softmax(T(x)) and q = softmax(S(x)), at the scale of the authors'
code. The game has the trained teacher and no data (Micaelli & Storkey, NeurIPS 2019,
arXiv:1905.09768; the numbers are those of the authors' notebook).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Adam

from zskt.losses import kl
from zskt.modes import frozen
from zskt.plane.data import CLASSES
from zskt.plane.settings import Toy

REACH = 3.0
"""The points stay within [-3, 3] on both axes."""


@dataclass(frozen=True)
class ToyRound:
    """What a round leaves."""

    points: Float[Tensor, "points 2"]
    found: float
    """Discrepancy on the points before the student's first step."""
    left: float
    """Discrepancy on the points before the student's last step."""


def perceptron(seed: int) -> nn.Sequential:
    """A new network from points (count, 2) to logits (count, classes)."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(2, 100), nn.ReLU(), nn.Linear(100, 500), nn.ReLU(), nn.Linear(500, CLASSES)
        )


def rounds(
    teacher: nn.Module, student: nn.Module, toy: Toy, random: torch.Generator
) -> Iterator[ToyRound]:
    """Play for ever; the student is adjusted in place."""
    start = torch.randn(toy.points, 2, generator=random) + 3
    latent = start.to(next(student.parameters()).dtype).requires_grad_()
    latent_adam = Adam([latent], toy.ascent_learning_rate, fused=True)
    student_adam = Adam(student.parameters(), toy.student_learning_rate, fused=True)
    teacher.requires_grad_(False)
    while True:
        with frozen(student):
            for _ in range(toy.ascent_steps):
                points = placed(latent)
                loss = -kl(teacher(points), student(points))
                (gradient,) = torch.autograd.grad(loss, latent)
                latent.grad = gradient.clamp_(-toy.ascent_clamp, toy.ascent_clamp)
                latent_adam.step()
        points = placed(latent.detach())
        target = teacher(points)
        losses = []
        for _ in range(toy.student_steps):
            student_adam.zero_grad()
            loss = kl(target, student(points))
            loss.backward()
            nn.utils.clip_grad_norm_(student.parameters(), toy.student_clip)
            student_adam.step()
            losses.append(loss.detach())
        yield ToyRound(points, losses[0].item(), losses[-1].item())


def placed(latent: Float[Tensor, "points 2"]) -> Float[Tensor, "points 2"]:
    """Where in the plane the points stand."""
    return 2 * REACH * latent.sigmoid() - REACH
