"""What images descend that are to be worth a place in a memory.

    L(x) = b * CE(T(x), y) + a * R(x) - d * KL(T(x) || S(x)) where both predict the same class

Fang et al. (2022, arXiv:2112.08083): y are the classes asked for, R the distance of batch-norm
statistics.
"""

import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from zskt.chunks import in_chunks
from zskt.distillation.session import Session
from zskt.losses import full_precision
from zskt.modes import evaluating, frozen
from zskt.pieces.batch_norm import BatchNormPrior
from zskt.pieces.generator_losses import disagreement

Images = Float[Tensor, "batch channels height width"]


class ImageLoss:
    """L of a session's teacher and student, which is looked at in eval mode.

    Args:
        session: of both.
        prior: a.
        target: b.
        memory: share of earlier batches in the statistics; `remember()` ends a batch.
    """

    def __init__(self, session: Session, prior: float, target: float, memory: float = 0.0):
        self.teacher = BatchNormPrior(session, memory=memory)
        self.remember = self.teacher.remember
        self.student = session.student
        self.prior, self.target = prior, target

    def __call__(
        self, images: Images, labels: Int64[Tensor, " batch"], weight: float
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """L and R of images and their classes, with a weight of the disagreement, d."""
        logits, distance = self.teacher(images)
        loss = self.target * F.cross_entropy(full_precision(logits), labels)
        loss = loss + self.prior * distance
        if weight:
            (answer,) = in_chunks(self.teacher.teacher, self._student, images)
            loss = loss - weight * disagreement(logits, answer)
        return loss, distance

    def _student(self, images: Images) -> tuple[Tensor, ...]:
        with frozen(self.student), evaluating(self.student):
            return (self.student(images),)
