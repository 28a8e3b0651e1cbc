"""The game of the paper's Fig. 1: points in the plane instead of a generator of images.

    x_1 .. x_50 = 6 sigmoid(z_i) - 3,  z_i ~ N(3, 1)          all start in the upper right corner
    for every round
        repeat 50 times
            z <- z + Adam[ clamp(grad_z  D(T(x), S(x)), +-3) ]          the points look for
                                                                        disagreement
        repeat 10 times
            S <- S - Adam[ clip(grad_S  D(T(x), S(x)), norm 3) ]        the student learns there

T is the teacher, S the student, both a perceptron 2-100-500-3, and with p = softmax(T(x)) and
q = softmax(S(x)), at the scale of the authors' code,

    D = 1/(B C) sum_points sum_classes p log(p / q)
    grad_T(x) D = 1/(B C) p (log(p / q) - sum_classes p log(p / q))
    grad_S(x) D = 1/(B C) (q - p)

The game has the trained teacher and no data (Micaelli & Storkey, NeurIPS 2019, arXiv:1905.09768;
the numbers are those of the authors' notebook).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from zskt.errors import check_settings
from zskt.toy.adam import Adam
from zskt.toy.network import Logits, Perceptron

REACH = 3.0
"""The points stay within [-3, 3] on both axes."""


@dataclass(frozen=True, kw_only=True)
class Toy:
    """Settings of the experiment; the defaults are the authors'."""

    seed: int = 4
    """Of the data, both networks and the points."""
    rounds: int = 2000
    """Turns of the game."""
    points: int = 50
    """Pseudo points, in place of a generator."""
    ascent_steps: int = 50
    """Steps of the points in a round."""
    student_steps: int = 10
    """Steps of the student in a round."""
    ascent_learning_rate: float = 1e-3
    """Of the points' Adam."""
    student_learning_rate: float = 1e-3
    """Of the student's Adam."""
    ascent_clamp: float = 3.0
    """Largest entry of the points' gradient."""
    student_clip: float = 3.0
    """Largest norm of the student's gradient."""
    teacher_epochs: int = 30
    """Passes over the training data."""
    teacher_batch_size: int = 50
    """Points in a batch of the teacher's training."""
    teacher_learning_rate: float = 1e-3
    """Of the teacher's Adam."""

    def __post_init__(self):
        check_settings(self, "seed")


@dataclass(frozen=True)
class Turn:
    """What a round leaves."""

    points: Float[Tensor, "points 2"]
    found: float
    """Discrepancy on the points before the student's first step."""
    left: float
    """Discrepancy on the points before the student's last step."""


def play(
    teacher: Perceptron, student: Perceptron, toy: Toy, random: torch.Generator
) -> Iterator[Turn]:
    """Play for ever; the student is adjusted in place."""
    latent = (torch.randn(toy.points, 2, generator=random) + 3).to(student.weights)
    latent_adam = Adam(latent, toy.ascent_learning_rate)
    student_adam = Adam(student.weights, toy.student_learning_rate)
    while True:
        for _ in range(toy.ascent_steps):
            gradient = latent_gradient(teacher, student, latent)
            latent_adam.descend(gradient.neg_().clamp_(-toy.ascent_clamp, toy.ascent_clamp))

        points = placed(latent)
        target = teacher.forward(points).logits
        found = None
        for _ in range(toy.student_steps):
            seen = student.forward(points)
            left, _, of_student = discrepancy(target, seen.logits)
            found = left if found is None else found
            gradient = student.gradient_of_weights(seen, of_student)
            norm = gradient.norm().item()
            if norm > toy.student_clip:
                gradient *= toy.student_clip / norm
            student_adam.descend(gradient)
        assert found is not None
        yield Turn(points, found.item(), left.item())


def placed(latent: Float[Tensor, "points 2"]) -> Float[Tensor, "points 2"]:
    """Where in the plane the points stand."""
    return 2 * REACH * latent.sigmoid() - REACH


def latent_gradient(
    teacher: Perceptron, student: Perceptron, latent: Float[Tensor, "points 2"]
) -> Float[Tensor, "points 2"]:
    """Gradient of the discrepancy through both networks to what the points are made from."""
    share = latent.sigmoid()
    points = 2 * REACH * share - REACH
    by_teacher, by_student = teacher.forward(points), student.forward(points)
    _, of_teacher, of_student = discrepancy(by_teacher.logits, by_student.logits)
    of_points = teacher.gradient_of_points(by_teacher, of_teacher)
    of_points += student.gradient_of_points(by_student, of_student)
    return of_points.mul_(share).mul_(1 - share).mul_(2 * REACH)


def discrepancy(teacher: Logits, student: Logits) -> tuple[Float[Tensor, ""], Logits, Logits]:
    """`zskt.losses.kl` with its gradients for the logits of the teacher and of the student."""
    log_p, log_q = teacher.log_softmax(1), student.log_softmax(1)
    p, log_ratio = log_p.exp(), log_p - log_q
    each = (p * log_ratio).sum(1, keepdim=True)
    of_teacher = log_ratio.sub_(each).mul_(p).div_(p.numel())
    return each.sum() / p.numel(), of_teacher, log_q.exp().sub_(p).div_(p.numel())
