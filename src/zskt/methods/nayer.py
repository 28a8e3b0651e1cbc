"""Noisy layer generation, without text (Tran et al., CVPR 2024).

    for every round                                                            arXiv:2310.00258
        G <- anew, every few rounds;  its first layer <- N(0, I), every round
        y: every class as often
        repeat n_G times
            x <- G(y),  v <- x moved and mirrored
            G <- G - lr_G * Adam's step on
                 a * R(v) + b * CE(T(v), y) - d * KL(T(v) || S(v)) where both predict the same class
        add the images of the smallest loss to the memory
        repeat n_S times, after the first rounds
            x <- moved and mirrored images of the memory
            S <- S - lr_S * grad_S  t^2 KL(T(x) || S(x))

T is the teacher, S the student, G the generator, y classes, t the temperature, and R the distance
of batch-norm statistics, those of the batch being averaged with earlier batches'. The paper's G
sees a language model's embedding of the class's name; here it sees a random code of the class,
because a teacher alone has no names.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from zskt.distillation.schedule import cosine
from zskt.errors import UserError, check_settings

if TYPE_CHECKING:
    from zskt.distillation.session import Round, Session


@dataclass(frozen=True, kw_only=True)
class NAYER:
    """Settings of the method."""

    title: ClassVar[str] = "A noisy first layer, without text (NAYER; Tran et al., CVPR 2024)"

    batch_size: int = 512
    """Images in a batch that is taught from."""
    image_batch_size: int = 400
    """Images that are made at once."""
    generator_width: int = 128
    """Channels of the generator's first maps."""
    generator_steps: int = 30
    """Steps to a batch of images (n_G)."""
    life: int = 20
    """Rounds after which the generator is made anew."""
    student_steps: int = 20
    """Student steps in a round (n_S); the paper has 200."""
    alone: float = 0.17
    """Share of the run in which images are made and nothing is taught."""
    generator_learning_rate: float = 4e-3
    """Of Adam."""
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
    target: float = 0.5
    """Weight of the classes asked for (b)."""
    disagreement: float = 1.33
    """Weight of the student's disagreement (d)."""
    memory: int = 50_000
    """At most so many images are kept, the newest."""

    def __post_init__(self):
        check_settings(
            self, "alone", "weight_decay", "prior", "prior_memory", "target", "disagreement",
            at_most_one=("alone", "prior_memory"),
        )  # fmt: skip
        if self.image_batch_size < 2:
            raise UserError("`image_batch_size` must be 2 or more: one image has no spread")

    def rounds(self, session: "Session") -> Iterator["Round"]:
        """Teach for ever; whoever iterates decides when to stop, log and save."""
        from torch.optim import Adam

        from zskt.distillation.session import Round
        from zskt.networks.noisy_generator import NoisyGenerator
        from zskt.pieces.best_images import BestImages
        from zskt.pieces.generator_losses import balanced_labels
        from zskt.pieces.image_loss import ImageLoss
        from zskt.pieces.lesson import lessons
        from zskt.pieces.views import shifted

        student, random, count = session.student.train(), session.random, self.image_batch_size
        shape = session.input_size, session.classes, count, 1000, self.generator_width
        bounds = session.bounds_if_known()
        generator = session.network("generator", lambda: NoisyGenerator(*shape, bounds))
        student_sgd = session.sgd("student_sgd", student, weight_decay=self.weight_decay)
        memory = session.memory("images", self.memory)
        image_loss = ImageLoss(session, self.prior, self.target, self.prior_memory)
        session.ready()
        while True:
            student_rate = self.student_learning_rate * cosine(session.progress)
            only_images = session.progress < self.alone
            weight = 0.0 if only_images else self.disagreement
            if session.counts.images_made // (count * session.processes.count) % self.life == 0:
                session.renew("generator")
            generator.noisy.data.copy_(session.noise(*generator.noisy.shape))
            adam = Adam(generator.parameters(), betas=(0.5, 0.999))
            labels = balanced_labels(count, session.classes, random).to(session.device)
            best = BestImages()
            for _ in range(self.generator_steps):
                with session.autocast():
                    images = generator(labels)
                    loss, prior = image_loss(shifted(images, random), labels, weight)
                session.descend(loss, adam, self.generator_learning_rate)
                best.offer(images, loss)
            image_loss.remember()
            memory.add(best.images)
            steps = 0 if only_images else self.student_steps
            taught = lessons(
                session, memory, student_sgd, student_rate, steps=steps,
                batch_size=self.batch_size, temperature=self.temperature,
            )  # fmt: skip
            yield Round(
                taught.images if taught else best.images, made=count,
                seen=steps * self.batch_size, image_loss=loss, prior=prior,
                student_learning_rate=student_rate, **(taught.record() if taught else {}),
            )  # fmt: skip
