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

import torch
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

from zskt.errors import check_settings
from zskt.game import Game, Round
from zskt.losses import DISCREPANCIES, DiscrepancyName


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Settings of the method."""

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

    def play(self, game: Game) -> Iterator[Round]:
        """Teach for ever; whoever iterates decides when to stop, log and save."""
        teacher, student = game.teacher, game.student.train()
        adam = Adam(student.parameters(), self.student_learning_rate, fused=True)
        decay = CosineAnnealingLR(adam, game.rounds)
        game.keep(student_adam=adam, student_decay=decay)
        distance = partial(DISCREPANCIES[self.discrepancy], temperature=self.temperature)
        game.ready()

        while True:
            for _ in range(self.student_steps):
                images = game.noise(self.batch_size, *game.input_size)
                with game.autocast():
                    with torch.no_grad():
                        target = teacher(images)
                    logits = student(images)
                    loss = distance(target, logits)
                game.descend(loss, adam, clip=self.clip)
            turn = Round(
                images, teacher_logits=target, student_logits=logits,
                student_loss=loss, student_learning_rate=decay.get_last_lr()[0],
            )  # fmt: skip
            decay.step()
            yield turn
