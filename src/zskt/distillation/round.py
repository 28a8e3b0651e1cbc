"""What one round of a method leaves for the record."""

import torch
from jaxtyping import Float
from torch import Tensor


class Round:
    """What one round leaves for the record; the loop reads it and writes it down.

    Args:
        images: the last images that the student learnt from.
        made: how many different images it was given to learn from, each counted in one round.
        seen: how many it learnt from, all steps of the round together.
        teacher_logits: what the teacher says of them.
        student_logits: what the student said of them.
        metrics: losses and whatever else explains the run, scalars on the device or numbers.
    """

    def __init__(
        self,
        images: Float[Tensor, "batch channels height width"],
        *,
        made: int = 0,
        seen: int = 0,
        teacher_logits: Float[Tensor, "batch classes"] | None = None,
        student_logits: Float[Tensor, "batch classes"] | None = None,
        **metrics: Float[Tensor, ""] | float,
    ):
        self.images = images.detach()
        self.made, self.seen = made, seen
        logits = {"teacher": teacher_logits, "student": student_logits}
        self.logits = {role: each.detach() for role, each in logits.items() if each is not None}
        self.metrics = {name: torch.as_tensor(value).detach() for name, value in metrics.items()}
