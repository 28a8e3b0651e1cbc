"""What a network learns from labelled images: the labels alone, or also a teacher.

    CE(S(x), y)                                                       labels alone

    (1 - a) CE(S(x), y) + 2 a t^2 KL(T(x) || S(x); t) + beta sum_l |Q_l(T) - Q_l(S)|^2

The second is knowledge distillation (Hinton et al., 2015, arXiv:1503.02531) with attention transfer
(Zagoruyko & Komodakis, 2017, arXiv:1612.03928), the few-shot baseline of the zero-shot paper at the
scale of its authors' code: t = 4, a = 0.9, beta = 1000, KL a mean over images and classes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from lightning_fabric import Fabric
from torch import Tensor, nn

from zskt.attention import Watched, matching_stages
from zskt.errors import check_settings
from zskt.losses import attention_transfer, kl

Images = Float[Tensor, "batch channels height width"]
Labels = Int64[Tensor, " batch"]
Lesson = Callable[[Images, Labels], Float[Tensor, ""]]
"""The loss of a student on normalised images and their labels."""


def labels_alone(student: nn.Module, fabric: Fabric) -> Lesson:
    """Cross-entropy."""

    def lesson(images: Images, labels: Labels) -> Tensor:
        with fabric.autocast():
            logits = student(images)
        return F.cross_entropy(logits.float(), labels)

    return lesson


@dataclass(frozen=True, kw_only=True)
class Guidance:
    """How a teacher helps; the defaults are the paper's few-shot baseline."""

    distill_temperature: float = 4.0
    """Logits are divided by it before softmax (t)."""
    distill_share: float = 0.9
    """How much the teacher counts beside the labels, 0 to 1 (a)."""
    distill_attention: float = 1000.0
    """Weight of attention transfer (beta); 0 leaves it out."""

    def __post_init__(self):
        check_settings(self, "distill_share", "distill_attention", at_most_one=("distill_share",))

    def lesson(
        self,
        teacher: nn.Module,
        student: nn.Module,
        input_size: tuple[int, int, int],
        fabric: Fabric,
    ) -> Lesson:
        """The loss with a teacher, which is in eval mode and on the device of `fabric`."""
        names: tuple[list[str], list[str]] = [], []
        if self.distill_attention > 0:
            sample = torch.zeros(2, *input_size, device=fabric.device)
            names = matching_stages(teacher, student, sample)
            if not names[0]:
                print("No stages of teacher and student match in size: no attention transfer.")
        watched_teacher, watched_student = Watched(teacher, names[0]), Watched(student, names[1])
        share, hot = self.distill_share, self.distill_temperature

        def lesson(images: Images, labels: Labels) -> Tensor:
            with fabric.autocast():
                with torch.no_grad():
                    target, target_maps = watched_teacher(images)
                logits, maps = watched_student(images)
            loss = (1 - share) * F.cross_entropy(logits.float(), labels)
            loss = loss + 2 * share * hot**2 * kl(target, logits, temperature=hot)
            if maps:
                loss = loss + self.distill_attention * attention_transfer(target_maps, maps)
            return loss

        return lesson
