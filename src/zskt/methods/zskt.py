"""Zero-shot knowledge transfer by adversarial belief matching (Micaelli & Storkey, NeurIPS 2019).

    for every round                                            Algorithm 1 of arXiv:1905.09768
        z ~ N(0, I)
        repeat n_G times
            x <- G(z)
            G <- G + lr_G * grad_G  D(T(x), S(x))              through T and S to the images
        x <- G(z)                                              images of the updated generator
        repeat n_S times
            S <- S - lr_S * grad_S  [D(T(x), S(x)) + beta * sum_l |Q_l(T) - Q_l(S)|^2]
        decay lr_G and lr_S along a cosine, to zero at the last round

T is the teacher, S the student, G the generator, z the noise. With p = softmax(T(x) / t) and
q = softmax(S(x) / t), at the scale of the authors' code,

    D = 1/(B C) sum_images sum_classes p log(p / q)            a C-th of the mean KL per image
    |Q_l(T) - Q_l(S)|^2 = 1/(B H W) sum (Q_l(T) - Q_l(S))^2    Q_l: attention map of stage l

to which beta = 250 and clipping at 5 belong. The teacher is in eval mode, the student and the
generator in train mode throughout: batch norm sees only generated images.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from zskt.distillation.schedule import cosine
from zskt.errors import check_settings
from zskt.pieces.names import DiscrepancyName, TermName

if TYPE_CHECKING:
    from zskt.distillation.session import Round, Session


@dataclass(frozen=True, kw_only=True)
class ZSKT:
    """Settings of the method; the defaults are the authors'."""

    title: ClassVar[str] = "Adversarial belief matching (Micaelli & Storkey, NeurIPS 2019)"

    batch_size: int = 128
    """Images in a batch."""
    noise_size: int = 100
    """Length of a noise vector."""
    generator_width: int = 128
    """Channels of the generator's first maps."""
    generator_depth: int = 1
    """Convolutions of the generator after each upsampling."""
    bounded: bool = False
    """Keep images between the lowest and the highest pixel; the normalisation must be known."""
    generator_steps: int = 1
    """Generator steps in a round (n_G)."""
    student_steps: int = 10
    """Student steps in a round (n_S)."""
    generator_learning_rate: float = 1e-3
    """Of Adam, in the first round."""
    student_learning_rate: float = 2e-3
    """Of Adam, in the first round."""
    attention: float = 250.0
    """Weight of attention transfer in the student's loss (beta); 0 leaves it out."""
    clip: float = 5.0
    """Largest norm of a gradient."""
    temperature: float = 1.0
    """Logits are divided by it before softmax (t)."""
    discrepancy: DiscrepancyName = "kl"
    """What the generator ascends and the student descends (D)."""
    fresh_noise: bool = False
    """Draw new noise for every student step, where the authors replay one batch."""
    extra: TermName = "none"
    """A further term of the generator's loss, which the authors tried and left out."""
    extra_weight: float = 1.0
    """Weight of that term."""

    def __post_init__(self):
        check_settings(self, "attention", "extra_weight")

    def rounds(self, session: "Session") -> Iterator["Round"]:
        """Algorithm 1 for ever; whoever iterates decides when to stop, log and save."""
        from torch import no_grad

        from zskt.distillation.session import Round
        from zskt.losses import DISCREPANCIES, attention_transfer
        from zskt.modes import frozen
        from zskt.networks.generator import Generator
        from zskt.pieces.attention import watched_players
        from zskt.pieces.generator_terms import generator_term

        shape = session.input_size, self.noise_size, self.generator_width, self.generator_depth
        bounds = session.bounds() if self.bounded else None
        teacher, student = session.teacher, session.student.train()
        generator = session.network("generator", lambda: Generator(*shape, bounds), draws=True)
        student_adam = session.adam("student_adam", student)
        generator_adam = session.adam("generator_adam", generator)
        watched_teacher, watched_student = watched_players(session, self.attention > 0)
        distance = partial(DISCREPANCIES[self.discrepancy], temperature=self.temperature)
        extra = generator_term(self.extra, session, self.extra_weight)
        session.ready()
        while True:
            generator_rate = self.generator_learning_rate * cosine(session.progress)
            student_rate = self.student_learning_rate * cosine(session.progress)
            noise = session.noise(self.batch_size, self.noise_size)
            for _ in range(self.generator_steps):
                with frozen(student), session.autocast():
                    images = generator(noise)
                    logits = teacher(images), student(images)  # T's gradient moves G too
                    generator_loss = extra(images, *logits) - distance(*logits)
                session.descend(generator_loss, generator_adam, generator_rate, self.clip)
            for step in range(self.student_steps):
                if step == 0 or self.fresh_noise:
                    if self.fresh_noise:
                        noise = session.noise(self.batch_size, self.noise_size)
                    with no_grad(), session.autocast():
                        images = generator(noise)
                        target, target_maps = watched_teacher(images)
                with session.autocast():
                    answer, maps = watched_student(images)
                    maps_apart = attention_transfer(target_maps, maps) if maps else 0.0
                    student_loss = distance(target, answer) + self.attention * maps_apart
                session.descend(student_loss, student_adam, student_rate, self.clip)
            yield Round(
                images, made=self.batch_size * (self.student_steps if self.fresh_noise else 1),
                seen=self.batch_size * self.student_steps, teacher_logits=target,
                student_logits=answer, generator_loss=generator_loss, student_loss=student_loss,
                attention=maps_apart, generator_learning_rate=generator_rate,
                student_learning_rate=student_rate,
            )  # fmt: skip
