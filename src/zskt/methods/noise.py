"""Distillation on plain random noise: no generator, no game.

    for every round                                 Micaelli & Storkey (2019), section 3.4
        repeat n_S times
            x ~ N(0, I)                             pixels, in the teacher's normalised space
            S <- S - lr * grad_S  D(T(x), S(x))
        decay lr along a cosine, to zero at the last round

T is the teacher, S the student, D a discrepancy of `losses.py`. The paper reports that a student
reaches 90 % on MNIST so, and names no setting; these are those of the adversarial method. It is the
floor that a generator has to beat.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from zskt.distillation.schedule import cosine
from zskt.errors import check_settings
from zskt.pieces.names import DiscrepancyName

if TYPE_CHECKING:
    from zskt.distillation.session import Round, Session


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Settings of the method."""

    title: ClassVar[str] = "Distillation on plain random noise: no generator, no game"

    batch_size: int = 128
    """Images in a batch."""
    student_steps: int = 10
    """Student steps in a round (n_S), each on new noise."""
    student_learning_rate: float = 2e-3
    """Of Adam, in the first round."""
    clip: float = 5.0
    """Largest norm of a gradient."""
    temperature: float = 1.0
    """Logits are divided by it before softmax."""
    discrepancy: DiscrepancyName = "kl"
    """What the student descends (D)."""

    def __post_init__(self):
        check_settings(self)

    def rounds(self, session: "Session") -> Iterator["Round"]:
        """Teach for ever; whoever iterates decides when to stop, log and save."""
        import torch

        from zskt.distillation.session import Round
        from zskt.losses import DISCREPANCIES

        teacher, student = session.teacher, session.student.train()
        adam = session.adam("student_adam", student)
        distance = partial(DISCREPANCIES[self.discrepancy], temperature=self.temperature)
        session.ready()

        while True:
            rate = self.student_learning_rate * cosine(session.progress)
            for _ in range(self.student_steps):
                images = session.noise(self.batch_size, *session.input_size)
                with session.autocast():
                    with torch.no_grad():
                        target = teacher(images)
                    logits = student(images)
                    loss = distance(target, logits)
                session.descend(loss, adam, rate, self.clip)
            seen = self.student_steps * len(images)
            yield Round(
                images, made=seen, seen=seen, teacher_logits=target, student_logits=logits,
                student_loss=loss, student_learning_rate=rate,
            )  # fmt: skip
