"""What a network learns from labelled images: the labels alone, or also a teacher.

    CE(S(x), y)                                                       labels alone

    (1 - a) CE(S(x), y) + 2 a t^2 KL(T(x) || S(x); t) + beta sum_l |Q_l(T) - Q_l(S)|^2

The second is knowledge distillation (Hinton et al., 2015, arXiv:1503.02531) with attention transfer
(Zagoruyko & Komodakis, 2017, arXiv:1612.03928), the few-shot baseline of the zero-shot paper at the
scale of its authors' code: t = 4, a = 0.9, beta = 1000, KL a mean over images and classes.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from zskt.devices import Where
from zskt.losses import attention_transfer, kl
from zskt.supervised.recipe import KnowledgeDistillation
from zskt.taps import Watched, watch_stages

Images = Float[Tensor, "batch channels height width"]
Labels = Int64[Tensor, " batch"]
SupervisedLoss = Callable[[Images, Labels], Float[Tensor, ""]]
"""The loss of a student on normalised images and their labels."""


def labels_alone(student: nn.Module, where: Where) -> SupervisedLoss:
    """Cross-entropy."""

    def loss_of(images: Images, labels: Labels) -> Tensor:
        with where.autocast():
            logits = student(images)
        return F.cross_entropy(logits.float(), labels)

    return loss_of


def with_teacher(
    settings: KnowledgeDistillation,
    teacher: nn.Module,
    student: nn.Module,
    input_size: tuple[int, int, int],
    where: Where,
) -> SupervisedLoss:
    """The loss with a teacher, which is in eval mode and on the device of `where`."""
    watched_teacher, watched_student = Watched(teacher, ()), Watched(student, ())
    if settings.distill_attention > 0:
        sample = torch.zeros(2, *input_size, device=where.device)
        watched_teacher, watched_student = watch_stages(teacher, student, sample, tell=print)
    share, hot = settings.distill_share, settings.distill_temperature

    def loss_of(images: Images, labels: Labels) -> Tensor:
        with where.autocast():
            with torch.no_grad():
                target, target_maps = watched_teacher(images)
            logits, maps = watched_student(images)
        loss = (1 - share) * F.cross_entropy(logits.float(), labels)
        loss = loss + 2 * share * hot**2 * kl(target, logits, temperature=hot)
        if maps:
            loss = loss + settings.distill_attention * attention_transfer(target_maps, maps)
        return loss

    return loss_of
