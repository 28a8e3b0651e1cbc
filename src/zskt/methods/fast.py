"""A generator that learns to start, so that few steps make a batch (Fang et al., AAAI 2022).

    for every round                                                            arXiv:2112.08083
        G' <- G,  z ~ N(0, I),  y: every class as often
        repeat n_G times
            x <- G'(z),  v <- x moved and mirrored
            L = a * R(v) + b * CE(T(v), y) - d * KL(T(v) || S(v)) where both predict the same class
            g <- g + grad_G' L;  (G', z) <- (G', z) - lr_G * Adam's step on L
        G <- G - n_G * lr_G * Adam's step on g                  first-order meta-learning
        add the images of the smallest L to the memory
        repeat n_S times, after the first rounds
            x <- moved and mirrored images of the memory
            S <- S - lr_S * grad_S  t^2 KL(T(x) || S(x))

T is the teacher, S the student, G the generator, z the noise, t the temperature, and R the
distance of batch-norm statistics, those of the batch being averaged with earlier batches'.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from zskt.distillation.schedule import cosine
from zskt.errors import check_settings

if TYPE_CHECKING:
    from zskt.distillation.session import Round, Session


@dataclass(frozen=True, kw_only=True)
class Fast:
    """Settings of the method; those of its ten-step variant on CIFAR-10."""

    title: ClassVar[str] = "A generator that learns to start (FastDFKD; Fang et al., AAAI 2022)"

    batch_size: int = 256
    """Images in a batch, made or taught from."""
    noise_size: int = 256
    """Length of a noise vector."""
    generator_width: int = 128
    """Channels of the generator's first maps."""
    generator_steps: int = 10
    """Steps to a batch of images (n_G)."""
    student_steps: int = 40
    """Student steps in a round (n_S); the paper has 400."""
    alone: float = 0.09
    """Share of the run in which images are made and nothing is taught."""
    generator_learning_rate: float = 2e-3
    """Of Adam, for the generator."""
    noise_learning_rate: float = 0.01
    """Of Adam, for the noise."""
    student_learning_rate: float = 0.2
    """Of SGD, in the first round."""
    weight_decay: float = 1e-4
    """Of the student."""
    temperature: float = 20.0
    """Logits are divided by it before softmax, in the student's loss (t)."""
    prior: float = 10.0
    """Weight of the batch-norm statistics (a)."""
    prior_memory: float = 0.9
    """Share of earlier batches in the statistics."""
    target: float = 0.4
    """Weight of the classes asked for (b)."""
    disagreement: float = 1.0
    """Weight of the student's disagreement (d)."""
    memory: int = 50_000
    """At most so many images are kept, the newest."""

    def __post_init__(self):
        check_settings(
            self, "alone", "weight_decay", "prior", "prior_memory", "target", "disagreement",
            at_most_one=("alone", "prior_memory"),
        )  # fmt: skip

    def rounds(self, session: "Session") -> Iterator["Round"]:
        """Teach for ever; whoever iterates decides when to stop, log and save."""
        from torch.optim import Adam

        from zskt.distillation.session import Round
        from zskt.networks.generator import Generator
        from zskt.pieces.best_images import BestImages
        from zskt.pieces.generator_losses import balanced_labels
        from zskt.pieces.image_loss import ImageLoss
        from zskt.pieces.lesson import lessons
        from zskt.pieces.meta_step import MetaStep
        from zskt.pieces.views import shifted

        student, random = session.student.train(), session.random
        rate, bounds = self.generator_learning_rate, session.bounds_if_known()
        shape = session.input_size, self.noise_size, self.generator_width
        generator = session.network("generator", lambda: Generator(*shape, bounds=bounds))
        meta_adam = session.adam("generator_adam", generator, momentum=0.5)
        student_sgd = session.sgd("student_sgd", student, weight_decay=self.weight_decay)
        memory = session.memory("images", self.memory)
        image_loss = ImageLoss(session, self.prior, self.target, self.prior_memory)
        session.ready()
        while True:
            student_rate = self.student_learning_rate * cosine(session.progress)
            only_images = session.progress < self.alone
            weight = 0.0 if only_images else self.disagreement
            labels = balanced_labels(self.batch_size, session.classes, random).to(session.device)
            noise = session.noise(self.batch_size, self.noise_size).requires_grad_()
            meta = MetaStep(generator)
            scaled = {"params": [noise], "scale": self.noise_learning_rate / rate}
            adam = Adam([{"params": list(meta.copy.parameters())}, scaled], betas=(0.5, 0.999))
            best = BestImages()
            for _ in range(self.generator_steps):
                with session.autocast():
                    images = meta.copy(noise)
                    loss, prior = image_loss(shifted(images, random), labels, weight)
                session.descend(loss, adam, rate)
                best.offer(images, loss)
                meta.gather()
            session.descend(meta.loss(), meta_adam, self.generator_steps * rate)
            image_loss.remember()
            memory.add(best.images)
            steps = 0 if only_images else self.student_steps
            taught = lessons(
                session, memory, student_sgd, student_rate, steps=steps,
                batch_size=self.batch_size, temperature=self.temperature,
            )  # fmt: skip
            yield Round(
                taught.images if taught else best.images, made=self.batch_size,
                seen=steps * self.batch_size, image_loss=loss, prior=prior,
                student_learning_rate=student_rate, **(taught.record() if taught else {}),
            )  # fmt: skip
