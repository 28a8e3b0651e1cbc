"""Images made from the teacher alone, after the run: the nearest to its data that can be had.

    x ~ N(0, I),  y: every class as often
    repeat n times
        x <- x - lr * Adam's step on  CE(T(v), y) + R(v) + w * |differences of neighbours|_1
        x <- x between the lowest and the highest pixel,      v: x rolled by up to two pixels

R is the distance of what goes into the teacher's batch norm from its running statistics (Yin et
al., 2020, arXiv:1912.08795, equation 4); without batch norm it is zero. Neither the student nor
the run has a part in these images, and no method learns from them: the noise is of a seed of its
own. How often a student agrees with its teacher on them ranks students of all methods much as a
test set does (docs/verdict.md).
"""

from math import inf
from time import perf_counter

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from zskt.images import Bounds
from zskt.losses import full_precision
from zskt.measure.cost import multiply_accumulates
from zskt.model_file import Card
from zskt.modes import evaluating, frozen
from zskt.statistics import channel_statistics, norms, remembering, running
from zskt.taps import tapped

Images = Float[Tensor, "count channels height width"]
COUNT, STEPS = 128, 100
LEARNING_RATE = 0.05
VARIATION = 0.05
"""Weight of the differences of neighbours (w)."""
SHARE = 0.1
"""Passes of the teacher that this may take, as a share of the images that the student has seen."""
MOST_OPERATIONS = 5e12
"""Multiply-accumulates that a processor may spend, some minutes; other devices fifty times more."""


def affordable(teacher: nn.Module, card: Card, seen: float) -> int:
    """How many images are worth making after a run whose student has seen so many; 0 for none.

    None without batch norm: without the prior, images are found that the teacher is sure of and
    that look like nothing.
    """
    if not remembering(teacher):
        return 0
    most = MOST_OPERATIONS * (1 if next(teacher.parameters()).device.type == "cpu" else 50)
    # A pass back to the image costs as much as one forward.
    each = 2 * STEPS * max(1, multiply_accumulates(teacher, card.input_size))
    counts = (count for count in (COUNT, COUNT // 2) if count * STEPS <= SHARE * seen)
    return next((count for count in counts if each * count <= most), 0)


def seconds_to_invert(teacher: nn.Module, card: Card, run_seconds: float) -> float:
    """About how long it takes after a run of so many seconds, by two steps after one to warm up.

    Zero where the run is too short to have any images made: its student cannot have seen enough,
    if only because the teacher has to look at each of what it sees.
    """
    if not (count := affordable(teacher, card, inf)):
        return 0.0
    inverted(teacher, card, count=count, steps=1)
    start = perf_counter()
    inverted(teacher, card, count=count, steps=2)
    whole = (perf_counter() - start) / 2 * STEPS
    # A pass back to the image is two forward.
    return next((each for each in (whole, whole / 2) if each / (2 * SHARE) <= run_seconds), 0.0)


def inverted(
    teacher: nn.Module, card: Card, *, count: int = COUNT, steps: int = STEPS, seed: int = 0
) -> Images:
    """So many normalised images of the teacher's classes, on the CPU, by so many steps.

    Args:
        teacher: any network from images to logits, on its own device.
        card: its image size, classes and, where it is known, normalisation.
        count: images, made in one batch.
        steps: of Adam.
        seed: of the noise; the same images for the same seed on one thread.
    """
    assert card.classes is not None
    bounds = card.normalisation.bounds if card.normalisation else None
    random = torch.Generator().manual_seed(seed)
    order = torch.randperm(card.classes, generator=random)
    labels = order.repeat(1 + count // card.classes)[:count]
    noise = torch.randn(count, *card.input_size, generator=random)
    with evaluating(teacher), frozen(teacher):
        return _descended(teacher, noise, labels, bounds, steps, random)


def _descended(
    teacher: nn.Module,
    images: Images,
    labels: Int64[Tensor, " count"],
    bounds: Bounds | None,
    steps: int,
    random: torch.Generator,
) -> Images:
    like = next(teacher.parameters())
    layers = remembering(teacher)
    images = images.to(like).to(memory_format=torch.channels_last).requires_grad_()
    labels = labels.to(like.device)
    edges = [images.new_tensor(each).view(-1, 1, 1) for each in bounds] if bounds else None
    adam = torch.optim.Adam([images], betas=(0.5, 0.9))
    for step in range(steps):
        adam.param_groups[0]["lr"] = LEARNING_RATE * (1 - step / steps)
        down, right = torch.randint(-2, 3, (2,), generator=random).tolist()
        with torch.enable_grad(), tapped(layers, inputs=True) as inputs:
            logits = teacher(images.roll((down, right), (2, 3)))
            loss = F.cross_entropy(full_precision(logits), labels) + VARIATION * _rough(images)
            for layer, seen in inputs.items():
                loss = loss + norms(*channel_statistics(seen), *running(layer))
        (images.grad,) = torch.autograd.grad(loss, images)
        adam.step()
        if edges is not None:
            with torch.no_grad():
                images.clamp_(*edges)
    return images.detach().float().cpu()


def _rough(images: Images) -> Float[Tensor, ""]:
    """Mean differences of neighbours, down and to the right."""
    down, right = images.diff(dim=2), images.diff(dim=3)
    return down.abs().mean() + right.abs().mean()
