"""Data-free adversarial distillation with an L1 game (Fang et al., 2019).

    for every round                                                            arXiv:1912.11006
        repeat n_S times
            z ~ N(0, I),  x <- G(z)
            S <- S - lr_S * grad_S  |T(x) - S(x)|_1                 logits, not probabilities
        z ~ N(0, I),  x <- G(z)
        G <- G + lr_G * grad_G  log(1 + |T(x) - S(x)|_1)

T is the teacher, S the student, G the generator; the distance is a mean over images and classes.
It is the game of adversarial belief matching with another distance: that of logits does not fade
where probabilities saturate, and its logarithm keeps the generator's step small while they are far
apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from zskt.distillation.schedule import cosine
from zskt.errors import check_settings

if TYPE_CHECKING:
    from zskt.distillation.session import Round, Session


@dataclass(frozen=True, kw_only=True)
class DFAD:
    """Settings of the method."""

    title: ClassVar[str] = "An adversarial game of L1 distances (DFAD; Fang et al., 2019)"

    batch_size: int = 256
    """Images in a batch."""
    noise_size: int = 256
    """Length of a noise vector."""
    generator_width: int = 128
    """Channels of the generator's first maps."""
    bounded: bool = False
    """Keep images between the lowest and the highest pixel, where the normalisation is known."""
    student_steps: int = 5
    """Student steps in a round (n_S), each on new images."""
    generator_learning_rate: float = 1e-3
    """Of Adam, in the first round."""
    student_learning_rate: float = 0.1
    """Of SGD, in the first round."""
    weight_decay: float = 5e-4
    """Of the student."""

    def __post_init__(self):
        check_settings(self, "weight_decay")

    def rounds(self, session: "Session") -> Iterator["Round"]:
        """Teach for ever; whoever iterates decides when to stop, log and save."""
        import torch

        from zskt.distillation.session import Round
        from zskt.losses import l1
        from zskt.modes import frozen
        from zskt.networks.generator import Generator

        teacher, student = session.teacher, session.student.train()
        shape = session.input_size, self.noise_size, self.generator_width
        bounds = session.bounds_if_known() if self.bounded else None
        generator = session.network(
            "generator", lambda: Generator(*shape, bounds=bounds), draws=True
        )
        generator_adam = session.adam("generator_adam", generator)
        student_sgd = session.sgd("student_sgd", student, weight_decay=self.weight_decay)
        session.ready()
        while True:
            generator_rate = self.generator_learning_rate * cosine(session.progress)
            student_rate = self.student_learning_rate * cosine(session.progress)
            for _ in range(self.student_steps):
                noise = session.noise(self.batch_size, self.noise_size)
                with torch.no_grad(), session.autocast():
                    images = generator(noise)
                    target = teacher(images)
                with session.autocast():
                    answer = student(images)
                    student_loss = l1(target, answer)
                session.descend(student_loss, student_sgd, student_rate)
            noise = session.noise(self.batch_size, self.noise_size)
            with frozen(student):
                with session.autocast():
                    drawn = generator(noise)
                    generator_loss = -torch.log1p(l1(teacher(drawn), student(drawn)))
                session.descend(generator_loss, generator_adam, generator_rate)
            seen = self.student_steps * self.batch_size
            yield Round(
                images, made=seen, seen=seen, teacher_logits=target, student_logits=answer,
                generator_loss=generator_loss, student_loss=student_loss,
                generator_learning_rate=generator_rate, student_learning_rate=student_rate,
            )  # fmt: skip
