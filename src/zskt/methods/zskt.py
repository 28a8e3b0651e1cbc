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

import torch
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

from zskt.attention import watch_stages
from zskt.errors import check_settings
from zskt.game import Game, Round
from zskt.losses import DISCREPANCIES, DiscrepancyName, attention_transfer
from zskt.methods import generator_terms
from zskt.modes import frozen
from zskt.networks.generator import Generator


@dataclass(frozen=True, kw_only=True)
class ZSKT:
    """Settings of the method; the defaults are the authors'."""

    batch_size: int = 128
    """Images in a batch."""
    noise_size: int = 100
    """Length of a noise vector."""
    generator_width: int = 128
    """Channels of the generator's first maps."""
    generator_depth: int = 1
    """Convolutions of the generator after each upsampling."""
    bounded: bool = False
    """Keep images between the lowest and the highest pixel, where the normalisation is known."""
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
    extra: generator_terms.Name = "none"
    """A further term of the generator's loss, which the authors tried and left out."""
    extra_weight: float = 1.0
    """Weight of that term."""

    def __post_init__(self):
        check_settings(self, "attention", "extra_weight")

    def play(self, game: Game) -> Iterator[Round]:
        """Play Algorithm 1 for ever; whoever iterates decides when to stop, log and save."""
        teacher, student = game.teacher, game.student.train()
        shape = game.input_size, self.noise_size, self.generator_width, self.generator_depth
        bounds = game.bounds() if self.bounded else None
        generator = game.network("generator", lambda: Generator(*shape, bounds)).train()
        student_adam = Adam(student.parameters(), self.student_learning_rate, fused=True)
        generator_adam = Adam(generator.parameters(), self.generator_learning_rate, fused=True)
        student_decay = CosineAnnealingLR(student_adam, game.rounds)
        generator_decay = CosineAnnealingLR(generator_adam, game.rounds)
        game.keep(student_adam=student_adam, generator_adam=generator_adam)
        game.keep(student_decay=student_decay, generator_decay=generator_decay)
        watched_teacher, watched_student = watch_stages(game, wanted=self.attention > 0)
        distance = partial(DISCREPANCIES[self.discrepancy], temperature=self.temperature)
        extra = generator_terms.generator_term(self.extra, game)
        game.ready()

        while True:
            noise = game.noise(self.batch_size, self.noise_size)
            with frozen(student):
                for _ in range(self.generator_steps):
                    with game.autocast():
                        images = generator(noise)
                        # The teacher's gradient moves the generator too: no no_grad here.
                        says = teacher(images), student(images)
                        generator_loss = -distance(*says) + self.extra_weight * extra(images, *says)
                    game.descend(generator_loss, generator_adam, clip=self.clip)
            for step in range(self.student_steps):
                if step == 0 or self.fresh_noise:
                    with torch.no_grad(), game.autocast():
                        if self.fresh_noise:
                            noise = game.noise(self.batch_size, self.noise_size)
                        images = generator(noise)
                        target, target_maps = watched_teacher(images)
                with game.autocast():
                    logits, maps = watched_student(images)
                    apart = distance(target, logits)
                    maps_apart = attention_transfer(target_maps, maps) if maps else apart * 0
                    student_loss = apart + self.attention * maps_apart
                game.descend(student_loss, student_adam, clip=self.clip)
            turn = Round(
                images, teacher_logits=target, student_logits=logits,
                generator_loss=generator_loss, student_loss=student_loss, attention=maps_apart,
                generator_learning_rate=generator_decay.get_last_lr()[0],
                student_learning_rate=student_decay.get_last_lr()[0],
            )  # fmt: skip
            student_decay.step()
            generator_decay.step()
            yield turn
