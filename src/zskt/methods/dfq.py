"""Adversarial distillation held near the data by batch-norm statistics (Choi et al., 2020).

    for every round                                                            arXiv:2005.04136
        z ~ N(0, I),  x <- G(z)
        G <- G - lr_G * grad_G  [a * R(x) + c * CE(T(x), argmax T(x)) - b * H(mean_x p_T(x))
                                 - KL(T(x) || S(x))]
        repeat n_S times
            z ~ N(0, I),  x <- G(z)
            S <- S - lr_S * grad_S  KL(T(x) || S(x))

T is the teacher, S the student, G the generator, p_T the teacher's probabilities, H the entropy and

    R(x) = sum over layers, mean over channels of KL(N(mean x, var x) || N(running mean, var))

of what goes into the teacher's batch norm. The paper quantises; the student there is the teacher
in few bits, and here any network.
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
class DFQ:
    """Settings of the method."""

    title: ClassVar[str] = "An adversarial game near the data (DFQ; Choi et al., CVPR-W 2020)"

    batch_size: int = 256
    """Images in a batch."""
    noise_size: int = 256
    """Length of a noise vector."""
    generator_width: int = 128
    """Channels of the generator's first maps."""
    bounded: OnByDefault = True
    """Whether images stay between the lowest and the highest pixel, where these are known."""
    student_steps: int = 10
    """Student steps in a round (n_S), each on new images."""
    generator_learning_rate: float = 1e-3
    """Of Adam, in the first round."""
    student_learning_rate: float = 0.05
    """Of SGD, in the first round."""
    weight_decay: float = 5e-4
    """Of the student."""
    temperature: float = 1.0
    """Logits are divided by it before softmax, in the student's loss."""
    prior: float = 1.0
    """Weight of the batch-norm statistics (a)."""
    certainty: float = 1.0
    """Weight of the teacher's certainty (c)."""
    balance: float = 20.0
    """Weight of the balance of classes (b)."""

    def __post_init__(self):
        check_settings(self, "weight_decay", "prior", "certainty", "balance")

    def rounds(self, session: "Session") -> Iterator["Round"]:
        """Teach for ever; whoever iterates decides when to stop, log and save."""
        import torch

        from zskt.distillation.session import Round
        from zskt.modes import frozen
        from zskt.networks.generator import Generator
        from zskt.pieces.batch_norm import BatchNormPrior, gaussian
        from zskt.pieces.generator_losses import certainty, divergence, imbalance
        from zskt.pieces.lesson import lesson

        student = session.student.train()
        shape = session.input_size, self.noise_size, self.generator_width
        bounds = session.bounds_if_known() if self.bounded else None
        generator = session.network(
            "generator", lambda: Generator(*shape, bounds=bounds), draws=True
        )
        generator_adam = session.adam("generator_adam", generator)
        student_sgd = session.sgd("student_sgd", student, weight_decay=self.weight_decay)
        teacher = BatchNormPrior(session, gaussian)
        session.ready()
        while True:
            generator_rate = self.generator_learning_rate * cosine(session.progress)
            student_rate = self.student_learning_rate * cosine(session.progress)
            with frozen(student):
                with session.autocast():
                    images = generator(session.noise(self.batch_size, self.noise_size))
                    logits, prior = teacher(images)
                    disagreement = divergence(logits, student(images)).mean()
                    near_data = self.prior * prior + self.certainty * certainty(logits)
                    generator_loss = near_data + self.balance * imbalance(logits) - disagreement
                session.descend(generator_loss, generator_adam, generator_rate)
            for _ in range(self.student_steps):
                noise = session.noise(self.batch_size, self.noise_size)
                with torch.no_grad(), session.autocast():
                    drawn = generator(noise)
                taught = lesson(session, drawn, self.temperature)
                session.descend(taught.loss, student_sgd, student_rate)
            seen = self.student_steps * self.batch_size
            yield Round(
                taught.images, made=seen, seen=seen, generator_loss=generator_loss, prior=prior,
                generator_learning_rate=generator_rate, student_learning_rate=student_rate,
                **taught.record(),
            )  # fmt: skip
