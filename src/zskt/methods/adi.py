"""DeepInversion with its adaptive term: images by gradient steps on pixels (Yin et al., CVPR 2020).

    for every round                                                            arXiv:1912.08795
        x ~ N(0, I),  y: every class as often
        repeat n_X times
            x <- x - lr_X * grad_x  [CE(T(v), y) + a * R(v) + b * TV(v) + c * |v|_2^2
                                     + d * (1 - JS(T(v), S(v)))],     v: x moved and mirrored
        add x to the memory
        repeat n_S times
            x <- moved and mirrored images of the memory
            S <- S - lr_S * grad_S  t^2 KL(T(x) || S(x))

T is the teacher, S the student, R the distance of batch-norm statistics, TV the total variation,
JS the Jensen-Shannon divergence. Without d it is DeepInversion; with it the images are such that
the student of the moment does not yet agree.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from zskt.distillation.schedule import cosine
from zskt.errors import check_settings

if TYPE_CHECKING:
    from zskt.distillation.session import Round, Session


@dataclass(frozen=True, kw_only=True)
class ADI:
    """Settings of the method."""

    title: ClassVar[str] = "Steps on pixels against the student (ADI; Yin et al., CVPR 2020)"

    batch_size: int = 256
    """Images in a batch, made or taught from."""
    image_steps: int = 200
    """Steps on the pixels of a batch (n_X); the paper has 2,000."""
    student_steps: int = 40
    """Student steps in a round (n_S)."""
    image_learning_rate: float = 0.05
    """Of Adam, at every step."""
    student_learning_rate: float = 0.1
    """Of SGD, in the first round."""
    weight_decay: float = 5e-4
    """Of the student."""
    temperature: float = 20.0
    """Logits are divided by it before softmax, in the student's loss (t)."""
    prior: float = 10.0
    """Weight of the batch-norm statistics (a)."""
    variation: float = 2.5e-5
    """Weight of the total variation (b)."""
    size: float = 3e-8
    """Weight of the squared pixels (c)."""
    competition: float = 10.0
    """Weight of the agreement of teacher and student (d)."""
    memory: int = 50_000
    """At most so many images are kept, the newest."""

    def __post_init__(self):
        check_settings(
            self, "weight_decay", "prior", "variation", "size", "competition"
        )  # fmt: skip

    def rounds(self, session: "Session") -> Iterator["Round"]:
        """Teach for ever; whoever iterates decides when to stop, log and save."""
        import torch
        import torch.nn.functional as F

        from zskt.distillation.session import Round
        from zskt.losses import js
        from zskt.modes import evaluating, frozen
        from zskt.pieces.batch_norm import BatchNormPrior
        from zskt.pieces.generator_losses import balanced_labels
        from zskt.pieces.lesson import lessons
        from zskt.pieces.pixels import total_variation
        from zskt.pieces.views import shifted

        student, classes, random = session.student.train(), session.classes, session.random
        student_sgd = session.sgd("student_sgd", student, weight_decay=self.weight_decay)
        memory = session.memory("images", self.memory)
        teacher = BatchNormPrior(session)
        session.ready()
        while True:
            student_rate = self.student_learning_rate * cosine(session.progress)
            noise = session.noise(self.batch_size, *session.input_size)
            images = noise.to(memory_format=torch.channels_last).requires_grad_()
            adam = torch.optim.Adam([images], betas=(0.5, 0.9))
            labels = balanced_labels(self.batch_size, classes, random).to(session.device)
            for _ in range(self.image_steps):
                with frozen(student), evaluating(student), session.autocast():
                    views = shifted(images, random)
                    logits, prior = teacher(views)
                    agreement = 1 - classes * js(logits, student(views))
                    image_loss = F.cross_entropy(logits.float(), labels) + self.prior * prior
                    image_loss = image_loss + self.variation * total_variation(views)
                    image_loss = image_loss + self.size * views.square().sum()
                    image_loss = image_loss + self.competition * agreement
                session.descend(image_loss, adam, self.image_learning_rate)
            memory.add(images)
            taught = lessons(
                session, memory, student_sgd, student_rate, steps=self.student_steps,
                batch_size=self.batch_size, temperature=self.temperature,
            )  # fmt: skip
            assert taught is not None
            yield Round(
                taught.images, made=self.batch_size, seen=self.student_steps * self.batch_size,
                image_loss=image_loss, prior=prior,
                student_learning_rate=student_rate,
                **taught.record(),
            )  # fmt: skip
