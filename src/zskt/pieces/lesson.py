"""One batch of a lesson: what the teacher says of images, what the student says, how far apart.

    loss = t^2 KL(softmax(T(x) / t) || softmax(S(x) / t)),  a mean over images

Hinton et al. (2015, arXiv:1503.02531).
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import Optimizer

from zskt.distillation.session import Session
from zskt.pieces.generator_losses import divergence
from zskt.pieces.views import shifted
from zskt.runs.image_memory import ImageMemory

Images = Float[Tensor, "batch channels height width"]


@dataclass
class Lesson:
    """A batch that the student has answered to, before its step."""

    images: Images
    target: Float[Tensor, "batch classes"]
    answer: Float[Tensor, "batch classes"]
    loss: Float[Tensor, ""]

    def record(self) -> dict[str, Any]:
        """For the round that it belongs to."""
        return {
            "teacher_logits": self.target, "student_logits": self.answer, "student_loss": self.loss,
        }  # fmt: skip


def lesson(session: Session, images: Images, temperature: float) -> Lesson:
    """Put images before teacher and student; gradients lead to the student alone."""
    images = images.detach().to(memory_format=torch.channels_last)
    with torch.no_grad(), session.autocast():
        target = session.teacher(images)
    with session.autocast():
        answer = session.student(images)
        loss = divergence(target, answer, temperature).mean()
    return Lesson(images, target, answer, loss)


def lessons(
    session: Session, memory: ImageMemory, optimizer: Optimizer, learning_rate: float, *,
    steps: int, batch_size: int, temperature: float,
) -> Lesson | None:  # fmt: skip
    """So many student steps on moved and mirrored images of a memory; the last of them."""
    taught = None
    for _ in range(steps):
        images = memory.draw(batch_size, session.random, session.device).to(session.dtype)
        taught = lesson(session, shifted(images, session.random), temperature)
        session.descend(taught.loss, optimizer, learning_rate)
    return taught
