"""search version"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from zskt.distillation.schedule import cosine
from zskt.errors import check_settings

if TYPE_CHECKING:
    from zskt.distillation.session import Round, Session


@dataclass(frozen=True, kw_only=True)
class Replay:
    """Settings of the method."""

    title: ClassVar[str] = "Images made once, kept, and replayed in many views"

    batch_size: int = 128
    make_batch: int = 256
    noise_size: int = 128
    generator_width: int = 64
    conditional: bool = True
    renew: Literal["none", "first", "all"] = "none"
    renew_every: int = 1
    make_steps: int = 5
    make_learning_rate: float = 3e-3
    noise_scale: float = 3.3
    momentum1: float = 0.5
    prior: float = 10.0
    prior_memory: float = 0.0
    target: float = 0.5
    disagreement: float = 1.33
    make_views: bool = True
    start: int = 2000
    start_share: float = 1.0
    teach_steps: int = 32
    reuse: int = 1
    view: Literal["shift", "zoom"] = "shift"
    mixup: float = 0.0
    cutmix: float = 0.0
    temperature: float = 4.0
    learning_rate: float = 0.1
    weight_decay: float = 5e-4
    warm_up: float = 0.05
    attention: float = 0.0
    recent: float = 0.0
    settle: float = 0.0
    student_train: bool = False

    def __post_init__(self):
        pass

    def rounds(self, session: "Session") -> Iterator["Round"]:
        import torch
        import torch.nn.functional as F
        from torch import nn
        from torch.optim import SGD, Adam
        from contextlib import nullcontext

        from zskt.distillation.session import Round
        from zskt.losses import kl, attention_transfer
        from zskt.pieces.attention import watched_players
        from zskt.modes import evaluating, frozen
        from zskt.networks.generator import Generator
        from zskt.pieces.batch_norm import BatchNormPrior
        from zskt.pieces.procedural import procedural
        from zskt.pieces import views

        teacher, student = session.teacher, session.student.train()
        classes, size = session.classes, session.input_size
        bounds = session.normalisation and session.bounds()
        inputs = self.noise_size + classes * self.conditional
        make = lambda: Generator(size, inputs, self.generator_width, 1, bounds)
        generator = session.network("generator", make, draws=True)
        optimizer = session.keep(
            "student_sgd",
            SGD(student.parameters(), momentum=0.9, nesterov=True, weight_decay=self.weight_decay),
        )
        z = nn.Parameter(torch.zeros(self.make_batch, self.noise_size, device=session.device))
        gopt = session.keep("generator_adam", Adam([
            {"params": list(generator.parameters())},
            {"params": [z], "scale": self.noise_scale},
        ], betas=(self.momentum1, 0.999)))
        prior = BatchNormPrior(session, memory=self.prior_memory)
        memory = session.memory("images", 50000)
        wt, ws = watched_players(session, self.attention > 0)
        session.ready()
        random = session.random
        if not len(memory) and self.start:
            pixels = procedural(self.start, size, random, session.device)
            memory.add_pixels((pixels * 255).to(torch.uint8))
        generator.train()
        made = max(0, len(memory) - self.start)
        while True:
            if self.renew != "none" and (made // self.make_batch) % self.renew_every == 0:
                with torch.random.fork_rng(devices=()):
                    torch.manual_seed(int(torch.randint(2**31, (1,), generator=random)))
                    if self.renew == "first":
                        generator.project.reset_parameters()
                    else:
                        generator.load_state_dict(make().state_dict())
                gopt.state.clear()
            gopt.state.pop(z, None)
            z.data.copy_(torch.randn(z.shape, generator=random))
            labels = torch.arange(self.make_batch) % classes
            if self.make_batch % classes:
                labels = (labels + int(torch.randint(classes, (1,), generator=random))) % classes
            labels = labels.to(session.device)
            code = F.one_hot(labels, classes).float() * 3 if self.conditional else None
            mode = nullcontext() if self.student_train else evaluating(student)
            with frozen(student), mode:
                for _ in range(self.make_steps):
                    with session.autocast():
                        images = generator(torch.cat([z, code], 1) if self.conditional else z)
                        seen = views.shifted(images, random) if self.make_views else images
                        logits, distance = prior(seen)
                        loss = self.target * F.cross_entropy(logits.float(), labels) + self.prior * distance
                        if made and self.disagreement:
                            answer = student(seen)
                            agree = (logits.argmax(1) == answer.argmax(1)).float()
                            p = F.log_softmax(logits.float(), 1); q = F.log_softmax(answer.float(), 1)
                            apart = (p.exp() * (p - q)).sum(1)
                            loss = loss - self.disagreement * (apart * agree).mean()
                    session.descend(loss, gopt, self.make_learning_rate)
            with torch.no_grad(), session.autocast():
                images = generator(torch.cat([z, code], 1) if self.conditional else z).float()
            prior.remember()
            memory.add(images)
            made += len(images)
            rate = self.learning_rate * cosine(session.progress) * min(1, (session.progress + 0.002) / self.warm_up)
            T = self.temperature
            plain = session.progress > 1 - self.settle
            for _ in range(self.teach_steps // self.reuse):
                n = self.batch_size
                w = torch.ones(len(memory))
                if self.start:
                    w[:self.start] = self.start_share
                if self.recent:
                    w[-int(made * .2):] += self.recent
                index = torch.multinomial(w, n, replacement=True, generator=random) if len(memory) < 2**23 else torch.randint(len(memory), (n,), generator=random)
                x = memory.take(index).to(session.device)
                x = views.shifted(x, random) if self.view == "shift" else views.zoomed(x, random)
                u = float(torch.rand((), generator=random))
                if not plain:
                    if u < self.cutmix:
                        x = views.cut(x, random)
                    elif u < self.cutmix + self.mixup:
                        x = views.mixed(x, random)
                x = x.to(memory_format=torch.channels_last)
                with torch.no_grad(), session.autocast():
                    target, tmaps = wt(x)
                for _ in range(self.reuse):
                    with session.autocast():
                        answer, maps = ws(x)
                        sl = T * T * classes * kl(target, answer, T)
                        if maps:
                            sl = sl + self.attention * attention_transfer(tmaps, maps)
                    session.descend(sl, optimizer, rate, 5.0)
            session.count(made=len(images), seen=self.teach_steps * self.batch_size)
            yield Round(x, teacher_logits=target, student_logits=answer, student_loss=sl,
                generator_loss=loss, prior=distance, student_learning_rate=rate)
