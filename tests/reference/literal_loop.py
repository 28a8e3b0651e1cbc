"""The published loop, literally: what ours is proved equal to and timed against.

Float32, contiguous, every call plain: the generator runs again, with autograd, at every student
step; the teacher collects gradients that nobody uses; networks return their activations.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zskt.networks import Generator, WideResNet


def literal_rounds(
    teacher: WideResNet,
    student: WideResNet,
    generator: Generator,
    *,
    batch_size: int,
    rounds: int,
    random: torch.Generator,
) -> Iterator[None]:
    """Play the published loop, yielding after every round."""
    generator_adam = torch.optim.Adam(generator.parameters(), lr=1e-3)
    student_adam = torch.optim.Adam(student.parameters(), lr=2e-3)
    schedules = [
        torch.optim.lr_scheduler.CosineAnnealingLR(adam, rounds)
        for adam in (generator_adam, student_adam)
    ]
    weight = next(student.parameters())
    teacher.eval()
    student.train()
    generator.train()
    for _ in range(rounds):
        noise = torch.randn(batch_size, 100, generator=random, dtype=weight.dtype)
        noise = noise.to(weight.device)
        images = drawn(generator, noise)
        student_logits, _ = with_activations(student, images)
        teacher_logits, _ = with_activations(teacher, images)
        loss = -divergence(teacher_logits, student_logits)
        generator_adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(generator.parameters(), 5)
        generator_adam.step()
        for step in range(10):
            images = drawn(generator, noise)
            if step == 0:
                with torch.no_grad():
                    teacher_logits, teacher_outputs = with_activations(teacher, images)
            student_logits, student_outputs = with_activations(student, images)
            loss = divergence(teacher_logits, student_logits)
            for ours, theirs in zip(student_outputs, teacher_outputs, strict=True):
                loss = loss + 250 * ((unit_map(ours) - unit_map(theirs)) ** 2).mean()
            student_adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(student.parameters(), 5)
            student_adam.step()
        for schedule in schedules:
            schedule.step()
        yield


def drawn(generator: Generator, noise: Tensor) -> Tensor:
    """Images, layer by layer: enlarged maps are written, then convolved."""
    maps = generator.bn(generator.unflatten(generator.project(noise)))
    for stage in generator.stages:
        maps = stage(maps)
    _, height, width = generator.output_size
    return generator.draw(maps[..., :height, :width])


def with_activations(network: WideResNet, images: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Logits and the outputs of the three groups, by running the network part by part."""
    outputs = [network.group1(network.stem(images))]
    outputs.append(network.group2(outputs[-1]))
    outputs.append(network.group3(outputs[-1]))
    return network.head(F.relu(network.bn(outputs[-1])).mean((2, 3))), outputs


def divergence(teacher_logits: Tensor, student_logits: Tensor) -> Tensor:
    """KL(teacher || student) with torch's own function, averaged over images and classes."""
    target = teacher_logits.softmax(1)
    return F.kl_div(student_logits.log_softmax(1), target, reduction="none").mean()


def unit_map(activation: Tensor) -> Tensor:
    """The attention map of each image, of unit length."""
    squares = (activation**2).mean(dim=1).flatten(start_dim=1)
    return squares / squares.norm(dim=1, keepdim=True)
