"""Images made once, kept, and replayed; the student learns the teacher's stages, not logits alone.

    for every round
        z ~ N(0, I),  y: every class as often
        repeat n_G times
            x <- G(z, y),  v <- x moved and mirrored
            G <- G - lr_G * Adam's step on
                 a * R(v) + b * CE(T(v), y) - d * KL(T(v) || S(v)) where both predict the same class
        add the last x to the memory
        repeat until each new image stands against so many replayed ones
            x <- moved and mirrored images of the memory, each with its T(x) used twice
            (S, P) <- (S, P) - lr_S * grad  [t^2 KL(T(x) || S(x)) + f * F(x)]
        warm lr_S up, then decay it along a cosine, to zero at the last round

T is the teacher, S the student, G the generator, z the noise, y classes, t the temperature, and

    R = sum over layers  |mean - running mean|_2 + |variance - running variance|_2   of batch norm
    F = sum over stages  |P_l(S_l) - T_l|^2 / |T_l|^2                                of feature maps

where P_l is a 1x1 convolution, learnt with the student and thrown away after it. F is zero where a
teacher shows no stages, R where it shows no batch norm; there b is a fifth and d three times as
large, as trials on two such teachers chose (docs/methods/design-log.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from zskt.distillation.schedule import warm_cosine
from zskt.errors import check_settings

if TYPE_CHECKING:
    from zskt.distillation.session import Round, Session


BLIND_TARGET, BLIND_DISAGREEMENT = 0.2, 3.0
"""How much their weights are worth where no batch norm can be seen."""


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Settings of the method."""

    title: ClassVar[str] = "Images made once and replayed, the teacher's stages as a lesson (ours)"
    usual_rounds: ClassVar[int] = 2000

    batch_size: int = 64
    """Images in a batch that is taught from."""
    image_batch_size: int = 256
    """Images that are made at once; above 64x64 pixels fewer, a million pixels in all."""
    generator_width: int = 64
    """Channels of the generator's first maps."""
    generator_steps: int = 5
    """Steps to a batch of images (n_G)."""
    replays: int = 16
    """Images that the student learns from for each one that is made."""
    label_uses: int = 2
    """How often the student learns from what the teacher says of a batch."""
    memory: int = 50_000
    """At most so many images are kept, the newest, and at most 1 GiB."""
    generator_learning_rate: float = 3e-3
    """Of Adam, at every step."""
    student_learning_rate: float = 0.05
    """Of SGD, at its highest."""
    weight_decay: float = 5e-4
    """Of the student."""
    temperature: float = 4.0
    """Logits are divided by it before softmax, in the student's loss (t)."""
    features: float = 20.0
    """Weight of the feature maps in the student's loss (f)."""
    prior: float = 10.0
    """Weight of the batch-norm statistics (a)."""
    target: float = 0.5
    """Weight of the classes asked for (b)."""
    disagreement: float = 1.33
    """Weight of the student's disagreement (d)."""

    def __post_init__(self):
        check_settings(self, "weight_decay", "features", "prior", "target", "disagreement")

    def rounds(self, session: "Session") -> Iterator["Round"]:
        """Teach for ever; whoever iterates decides when to stop, log and save."""
        from torch import nn

        from zskt.distillation.session import Round
        from zskt.images import at_once
        from zskt.networks.class_generator import ClassGenerator
        from zskt.pieces.generator_losses import balanced_labels
        from zskt.pieces.image_loss import ImageLoss
        from zskt.pieces.stage_features import StageFeatures
        from zskt.pieces.views import shifted

        size, classes, random = session.input_size, session.classes, session.random
        student, count = session.student.train(), at_once(self.image_batch_size, size)
        shape = size, classes, self.generator_width, session.bounds_if_known()
        generator = session.network("generator", lambda: ClassGenerator(*shape))
        adam = session.adam("generator_adam", generator, momentum=0.5)
        stages = StageFeatures(session)
        learning = nn.ModuleList([student, stages.projections])
        sgd = session.sgd("student_sgd", learning, weight_decay=self.weight_decay)
        image_loss, disagreement = ImageLoss(session, self.prior, self.target), self.disagreement
        if not image_loss.teacher.layers:
            image_loss.target *= BLIND_TARGET
            disagreement *= BLIND_DISAGREEMENT
        memory = session.memory("images", self.memory)
        uses, steps = self.label_uses, max(1, self.replays * count // self.batch_size)
        # Whole uses of what the teacher said.
        steps = -(-steps // uses) * uses
        session.ready()
        while True:
            rate = self.student_learning_rate * warm_cosine(session.progress)
            noise = session.noise(count, generator.noise_size)
            labels = balanced_labels(count, classes, random).to(session.device)
            # A student that was taught nothing agrees by chance.
            weight = disagreement if len(memory) else 0.0
            for _ in range(self.generator_steps):
                with session.autocast():
                    new_images = generator(noise, labels)
                    generator_loss, prior = image_loss(shifted(new_images, random), labels, weight)
                session.descend(generator_loss, adam, self.generator_learning_rate)
            memory.add(new_images)
            lessons = stages.lessons(memory, self.batch_size, steps, self.temperature, uses)
            for taught, features in lessons:
                student_loss = taught.loss + self.features * features
                session.descend(student_loss, sgd, rate, clip=5.0)
            yield Round(
                taught.images, made=count, seen=steps * self.batch_size, prior=prior,
                generator_loss=generator_loss, features=features, student_learning_rate=rate,
                **{**taught.record(), "student_loss": student_loss},
            )  # fmt: skip
