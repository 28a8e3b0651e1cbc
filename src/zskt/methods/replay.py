"""search version 2"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from zskt.distillation.schedule import cosine

if TYPE_CHECKING:
    from zskt.distillation.session import Round, Session


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Settings of the method."""

    title: ClassVar[str] = "Images made once, kept, and replayed in many views"

    batch_size: int = 64
    make_batch: int = 256
    noise_size: int = 128
    generator_width: int = 64
    kind: Literal["z", "noisy", "refine"] = "z"
    make_steps: int = 5
    make_learning_rate: float = 3e-3
    noise_scale: float = 3.3
    prior: float = 10.0
    prior_memory: float = 0.0
    target: float = 0.5
    disagreement: float = 1.33
    sample: int = 0
    hidden: int = 256
    bank: int = 4000
    start: int = 512
    memory: int = 50000
    student_steps: int = 64
    reuse: int = 1
    mixup: float = 0.3
    cutmix: float = 0.4
    temperature: float = 4.0
    learning_rate: float = 0.05
    weight_decay: float = 5e-4
    warm_up: float = 0.05
    attention: float = 0.0
    attention_end: float = 1.0
    feature: float = 20.0
    feature_end: float = 1.0

    def rounds(self, session: "Session") -> Iterator["Round"]:
        import torch
        import torch.nn.functional as F
        from torch import nn
        from torch.optim import Adam

        from zskt.distillation.session import Round
        from zskt.losses import attention_transfer
        from zskt.modes import evaluating, frozen
        from zskt.networks.generator import Generator
        from zskt.networks.noisy_generator import NoisyGenerator
        from zskt.networks.refiner import Refiner
        from zskt.pieces import views
        from zskt.pieces.attention import watched_players
        from zskt.pieces.batch_norm import BatchNormPrior
        from zskt.pieces.generator_losses import balanced_labels, divergence
        from zskt.pieces.image_loss import ImageLoss
        from zskt.pieces.procedural import procedural

        teacher, student = session.teacher, session.student.train()
        classes, size, random = session.classes, session.input_size, session.random
        bounds = session.bounds_if_known()
        n = self.make_batch
        make = {
            "z": lambda: Generator(
                size, self.noise_size + classes, self.generator_width, 1, bounds
            ),
            "noisy": lambda: NoisyGenerator(
                size, classes, n, self.hidden, self.generator_width, bounds
            ),
            "refine": lambda: Refiner(size[0], classes, self.generator_width, bounds),
        }[self.kind]
        generator = session.network("generator", make).train()
        from zskt.pieces.stage_features import StageFeatures

        stages = StageFeatures(session)
        student.train()
        sgd = session.sgd(
            "student_sgd",
            nn.ModuleList([student, stages.projections]),
            weight_decay=self.weight_decay,
        )
        z = nn.Parameter(torch.zeros(n, self.noise_size, device=session.device))
        adam = session.keep(
            "generator_adam",
            Adam(
                [
                    {"params": list(generator.parameters())},
                    {"params": [z], "scale": self.noise_scale},
                ],
                betas=(0.5, 0.999),
            ),
        )
        prior = BatchNormPrior(session, memory=self.prior_memory)
        image_loss = ImageLoss(prior, student, self.prior, self.target)
        memory = session.memory("images", self.memory)
        session.ready()
        if not len(memory) and self.start:
            pixels = procedural(self.start, size, random, session.device)
            memory.add_pixels((pixels * 255).to(torch.uint8))
        bank = (
            procedural(self.bank, size, random, session.device) if self.kind == "refine" else None
        )
        made = max(0, len(memory) - self.start)

        def input(labels):
            p = views.zoomed(
                bank[torch.randint(len(bank), (len(labels),), generator=random)], random, 0.5, 1.1
            ).clamp(0, 1)
            k = len(p) // 2
            return torch.cat([p[:k], views.cut(p[k:], random)]).to(
                memory_format=torch.channels_last
            )

        def draw(labels):
            if self.kind == "z":
                return generator(torch.cat([z, 3 * F.one_hot(labels, classes)], 1))
            if self.kind == "noisy":
                return generator(labels)
            return generator(input(labels), labels)

        while True:
            adam.state.pop(z, None)
            if self.kind == "noisy":
                generator.noisy.data.copy_(session.noise(*generator.noisy.shape))
                adam.state.pop(generator.noisy, None)
            z.data.copy_(session.noise(*z.shape))
            labels = balanced_labels(n, classes, random).to(session.device)
            for _ in range(self.make_steps):
                with frozen(student), evaluating(student):
                    with session.autocast():
                        images = draw(labels)
                        loss, distance = image_loss(
                            views.shifted(images, random),
                            labels,
                            self.disagreement if made else 0.0,
                        )
                    session.descend(loss, adam, self.make_learning_rate)
            with torch.no_grad(), session.autocast():
                for _ in range(max(1, self.sample // n)):
                    memory.add(draw(labels).float())
                    if self.sample:
                        z.data.copy_(session.noise(*z.shape))
                        made += n
            prior.remember()
            made += n
            rate = (
                self.learning_rate
                * cosine(session.progress)
                * min(1, (session.progress + 0.002) / self.warm_up)
            )
            T = self.temperature
            beta = self.feature * (
                self.feature_end + (1 - self.feature_end) * (1 - session.progress)
            )
            for step in range(self.student_steps):
                if step % self.reuse == 0:
                    x = memory.draw(self.batch_size, random, session.device)
                    x = views.shifted(x, random)
                    u = float(torch.rand((), generator=random))
                    if u < self.cutmix:
                        x = views.cut(x, random)
                    elif u < self.cutmix + self.mixup:
                        x = views.mixed(x, random)
                    x = x.to(memory_format=torch.channels_last)
                    with torch.no_grad(), session.autocast():
                        target, tmaps = stages.of_teacher(x)
                with session.autocast():
                    answer, maps = stages.of_student(x)
                    sl = divergence(target, answer, T).mean()
                    fd = stages.distance(tmaps, maps)
                    sl = sl + beta * fd
                session.descend(sl, sgd, rate, 5.0)
            yield Round(
                x,
                made=n,
                seen=self.student_steps * self.batch_size,
                teacher_logits=target,
                student_logits=answer,
                student_loss=sl,
                features=fd,
                generator_loss=loss,
                prior=distance,
                student_learning_rate=rate,
            )
