"""Data-free learning, the teacher as a fixed discriminator (Chen et al., ICCV 2019).

    for every round                                                            arXiv:1904.01186
        z ~ N(0, I),  x <- G(z)
        G <- G - lr_G * grad_G  [CE(T(x), argmax T(x)) - a * |f_T(x)|_1 - b * H(mean_x p_T(x))]
        repeat n_S times
            z ~ N(0, I),  x <- G(z)
            S <- S - lr_S * grad_S  t^2 KL(T(x) || S(x))

T is the teacher, S the student, G the generator, f_T what goes into the teacher's last layer, p_T
its probabilities, H the entropy, t the temperature. The student is no opponent: G draws what the
teacher is sure of, what excites it, and all of its classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from zskt.distillation.schedule import cosine
from zskt.errors import check_settings
from zskt.switches import OnByDefault

if TYPE_CHECKING:
    from zskt.distillation.session import Round, Session


@dataclass(frozen=True, kw_only=True)
class DAFL:
    """Settings of the method."""

    title: ClassVar[str] = "The teacher as a fixed discriminator (DAFL; Chen et al., ICCV 2019)"

    batch_size: int = 256
    """Images in a batch."""
    noise_size: int = 100
    """Length of a noise vector."""
    generator_width: int = 128
    """Channels of the generator's first maps."""
    bounded: OnByDefault = True
    """Whether images stay between the lowest and the highest pixel, where these are known."""
    student_steps: int = 5
    """Student steps in a round (n_S), each on new images."""
    generator_learning_rate: float = 1e-3
    """Of Adam, in the first round."""
    student_learning_rate: float = 0.1
    """Of SGD, in the first round."""
    weight_decay: float = 5e-4
    """Of the student."""
    temperature: float = 20.0
    """Logits are divided by it before softmax (t)."""
    certainty: float = 1.0
    """Weight of the teacher's certainty in the generator's loss."""
    activation: float = 0.001
    """Weight of the teacher's activation (a)."""
    balance: float = 20.0
    """Weight of the balance of classes (b)."""

    def __post_init__(self):
        check_settings(self, "weight_decay", "certainty", "activation", "balance")

    def rounds(self, session: "Session") -> Iterator["Round"]:
        """Teach for ever; whoever iterates decides when to stop, log and save."""
        import torch

        from zskt.distillation.session import Round
        from zskt.networks.generator import Generator
        from zskt.pieces.generator_losses import certainty, imbalance
        from zskt.pieces.last_layer import LastLayer
        from zskt.pieces.lesson import lesson

        shape = session.input_size, self.noise_size, self.generator_width
        bounds = session.bounds_if_known() if self.bounded else None
        generator = session.network(
            "generator", lambda: Generator(*shape, bounds=bounds), draws=True
        )
        generator_adam = session.adam("generator_adam", generator)
        student_sgd = session.sgd("student_sgd", session.student, weight_decay=self.weight_decay)
        teacher = LastLayer(session.teacher, session.tell)
        session.student.train()
        session.ready()
        while True:
            generator_rate = self.generator_learning_rate * cosine(session.progress)
            student_rate = self.student_learning_rate * cosine(session.progress)
            with session.autocast():
                images = generator(session.noise(self.batch_size, self.noise_size))
                logits, features = teacher(images)
                spread = self.balance * imbalance(logits)
                excitement = self.activation * features.abs().mean()
                generator_loss = self.certainty * certainty(logits) + spread - excitement
            session.descend(generator_loss, generator_adam, generator_rate)
            for _ in range(self.student_steps):
                noise = session.noise(self.batch_size, self.noise_size)
                with torch.no_grad(), session.autocast():
                    drawn = generator(noise)
                taught = lesson(session, drawn, self.temperature)
                session.descend(taught.loss, student_sgd, student_rate)
            seen = self.student_steps * self.batch_size
            yield Round(
                taught.images, made=seen, seen=seen, generator_loss=generator_loss,
                generator_learning_rate=generator_rate, student_learning_rate=student_rate,
                **taught.record(),
            )  # fmt: skip
