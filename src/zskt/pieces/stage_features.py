"""What the stages of teacher and student put out, as a lesson.

    F = sum over stages  |P_l(S_l) - T_l|^2 / |T_l|^2

S_l and T_l are the outputs of matching stages, P_l a 1x1 convolution that is learnt with the
student, so that it need not have the teacher's channels (Romero et al., 2015, arXiv:1412.6550).
Each stage counts by the share of the teacher's energy that the student misses.
"""

from collections.abc import Iterator, Sequence
from math import ceil

import torch
from jaxtyping import Float
from torch import Tensor, nn

from zskt.chunks import in_chunks
from zskt.distillation.session import Session
from zskt.losses import full_precision
from zskt.modes import evaluating
from zskt.networks.inference_form import inference_form
from zskt.pieces.generator_losses import divergence
from zskt.pieces.lesson import Lesson
from zskt.pieces.views import shifted
from zskt.runs.image_memory import ImageMemory
from zskt.taps import matching_stages, tapped

Images = Float[Tensor, "batch channels height width"]
TURNS = 4
"""Batches that take turns where the teacher's answers are used more than once."""


class StageFeatures:
    """Teacher and student of a session, with the outputs of their matching stages.

    Where no stages match there are none, and the user is told.
    """

    def __init__(self, session: Session):
        images = torch.zeros(2, *session.input_size, device=session.device, dtype=session.dtype)
        networks = inference_form(session.teacher, images), session.student
        with session.autocast():
            names = matching_stages(*networks, images)
        if not names[0]:
            session.tell("No stages of teacher and student match in size: logits alone teach.")
        modules = [dict(each.named_modules()) for each in networks]
        self.teacher, self.student = networks
        self.autocast = session.autocast
        self.random, self.device, self.dtype = session.random, session.device, session.dtype
        self.theirs, self.ours = (
            [known[name] for name in chosen] for known, chosen in zip(modules, names, strict=True)
        )
        with evaluating(session.student), torch.no_grad(), session.autocast():
            channels = [
                [each.shape[1] for each in answer[1]]
                for answer in (self.of_student(images), self.of_teacher(images))
            ]

        def make() -> nn.ModuleList:
            pairs = zip(*channels, strict=True)
            return nn.ModuleList(nn.Conv2d(ours, theirs, 1) for ours, theirs in pairs)

        self.projections = session.network("projections", make)

    def lessons(
        self, memory: ImageMemory, batch_size: int, count: int, temperature: float, uses: int = 1
    ) -> Iterator[tuple[Lesson, Float[Tensor, ""]]]:
        """So many lessons, each with F of it, to be learnt from before the next is asked for.

        Gradients lead to the student and the projections alone.

        Args:
            memory: what images are drawn from, to be moved and mirrored.
            batch_size: images in a lesson.
            count: how many lessons.
            temperature: of the logits.
            uses: how often the teacher's answer to a batch is used. It is not used twice in
                a row: four batches take turns.
        """
        given = 0
        while given < count:
            turns = 1 if uses == 1 else min(TURNS, ceil((count - given) / uses))
            answered = [self.answered(self._drawn(memory, batch_size)) for _ in range(turns)]
            for batch in answered * uses:
                yield self.lesson(*batch, temperature)
            given += turns * uses

    def _drawn(self, memory: ImageMemory, count: int) -> Images:
        images = memory.draw(count, self.random, self.device)
        return shifted(images.to(self.dtype), self.random)

    def answered(self, images: Images) -> tuple[Images, Tensor, list[Tensor]]:
        """Images, and what the teacher says of them."""
        images = images.detach().to(memory_format=torch.channels_last)
        with torch.no_grad(), self.autocast():
            return images, *self.of_teacher(images)

    def lesson(
        self, images: Images, target: Tensor, theirs: list[Tensor], temperature: float
    ) -> tuple[Lesson, Float[Tensor, ""]]:
        """A lesson of what the teacher said, and F of it."""
        with self.autocast():
            answer, ours = self.of_student(images)
            loss = divergence(target, answer, temperature).mean()
            features = self.distance(theirs, ours) if ours else torch.zeros_like(loss)
        return Lesson(images, target, answer, loss), features

    def of_teacher(self, images: Images) -> tuple[Tensor, list[Tensor]]:
        """Its logits and the outputs of its stages."""

        def seen(images: Images) -> tuple[Tensor, ...]:
            with tapped(self.theirs) as outputs:
                logits = self.teacher(images)
            return logits, *[outputs[module] for module in self.theirs]

        logits, *stages = in_chunks(self.teacher, seen, images)
        return logits, stages

    def of_student(self, images: Images) -> tuple[Tensor, list[Tensor]]:
        """Its logits and the outputs of its stages."""
        with tapped(self.ours) as outputs:
            logits = self.student(images)
        return logits, [outputs[module] for module in self.ours]

    def distance(self, teacher: Sequence[Tensor], student: Sequence[Tensor]) -> Float[Tensor, ""]:
        """F of at least one stage."""
        triples = zip(self.projections, student, teacher, strict=True)
        parts = [missed(project(ours), theirs) for project, ours, theirs in triples]
        return torch.stack(parts).sum()


def missed(student: Tensor, teacher: Tensor) -> Float[Tensor, ""]:
    """Share of the teacher's energy that the student misses, over batch, channels and places."""
    apart = full_precision(student - teacher).square().mean()
    return apart / full_precision(teacher).square().mean().clamp_min(1e-12)
