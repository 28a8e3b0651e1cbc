"""What a teacher is, whether it can teach, and what is advised: findings by trying it.

twice the same images      the same logits, and no buffer changed: else it is not deterministic
one image and a batch      the same logits: else images of a batch touch each other
gradient to the images     along a random direction, autograd beside finite differences
"""

import copy
from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from zskt.devices import Where, settled
from zskt.errors import UserError
from zskt.images import Images
from zskt.measure.cost import multiply_accumulates
from zskt.model_file import parameters
from zskt.networks import create
from zskt.taps import Operations, matching_stages
from zskt.teachers.teacher import Teacher

NORMS = {"batch_norm": "batch", "group_norm": "group", "layer_norm": "layer"}


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What was found; `problems` are reasons not to distil, `notes` are to be known."""

    parameters: int
    macs: int
    """Multiply-accumulates for one image."""
    norms: dict[str, int]
    """How many normalisations of each kind run."""
    gradient: float
    """Largest of |d logits / d images| on random images."""
    gradient_error: float
    """Of autograd beside finite differences, as a share."""
    taps: dict[str, list[str]]
    """For some students, the modules whose attention would be matched."""
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def inspect_teacher(
    teacher: Teacher, students: tuple[str, ...] = (), device: torch.device | str = "cpu"
) -> Findings:
    """Try a copy of a teacher out; with networks of these names common stages are looked for."""
    # Rounded to 10 bits, sound answers would depend on the other images of a batch.
    with settled(Where(str(device), "32")):
        return _inspected(teacher, students, device)


def _inspected(teacher: Teacher, students: tuple[str, ...], device: torch.device | str) -> Findings:
    network = copy.deepcopy(teacher.network).eval().requires_grad_(False).to(device)
    images = torch.randn(4, *teacher.card.input_size, generator=torch.Generator().manual_seed(1))
    images = images.to(device)
    notes = list(teacher.notes)
    problems = _problems_of_answers(network, images)
    gradient, error = gradient_check(network, images[:2])
    if not gradient > 0:
        problems.append("No gradient reaches its input, so that no generator could learn from it.")
    elif error > 0.2:
        problems.append(
            f"Its gradient is broken: {error:.0%} from finite differences along a random direction."
        )
    taps = {name: _taps(network, name, teacher, images[:2]) for name in students}
    if students and not any(taps.values()):
        notes.append("No stages to take attention from: its logits alone will teach.")
    return Findings(
        parameters=parameters(network), macs=multiply_accumulates(network, teacher.card.input_size),
        norms=count_norms(network, images[:1]), gradient=gradient,
        gradient_error=error, taps=taps, problems=tuple(problems), notes=tuple(notes),
    )  # fmt: skip


@torch.no_grad()
def _problems_of_answers(network: nn.Module, images: Images) -> list[str]:
    """What is wrong with what a network says, twice and of single images."""
    problems = []
    before = {name: tensor.clone() for name, tensor in network.named_buffers()}
    logits, again = network(images), network(images)
    alone = torch.cat([network(image[None]) for image in images])
    after = dict(network.named_buffers())
    if any(not torch.equal(before[name], after[name]) for name in before):
        problems.append("It changes its own buffers in eval mode; export it in eval mode.")
    if not torch.equal(logits, again):
        problems.append("It is not deterministic: twice the same images give different logits.")
    if not logits.isfinite().all():
        problems.append("Its logits are not finite on random images; look at `mean` and `std`.")
    spread = logits.std(0).mean()
    if (logits - alone).abs().max() > 0.01 * spread.clamp_min(1e-6):
        problems.append("Its logits depend on the other images of a batch, as in train mode.")
    return problems


def check_teacher(teacher: Teacher, device: torch.device | str = "cpu") -> None:
    """Raise a `UserError` with the first reason not to distil."""
    if problems := inspect_teacher(teacher, device=device).problems:
        raise UserError(f"{teacher.source} cannot teach: {problems[0]}")


def gradient_check(network: nn.Module, images: Images) -> tuple[float, float]:
    """The largest gradient of the logits' sum of squares, and its error as a share.

    The truth is a central difference along a random direction, in float64 where the network takes
    it.
    """
    exact, images, step = network, images, 1e-2
    try:
        double = copy.deepcopy(network).double()
        double(images.double())
        exact, images, step = double, images.double(), 1e-5
    except (RuntimeError, TypeError, NotImplementedError):
        pass
    # Apple's GPUs have no 64 bits.
    wide = torch.float32 if images.device.type == "mps" else torch.float64
    random = torch.Generator().manual_seed(2)
    direction = torch.randn(images.shape, generator=random).to(images)

    def height(points: Tensor) -> Tensor:
        return exact(points).to(wide).square().sum()

    leaf = images.clone().requires_grad_()
    value = height(leaf)
    if not value.requires_grad:
        return 0.0, 1.0
    (gradient,) = torch.autograd.grad(value, leaf, allow_unused=True)
    if gradient is None or not gradient.abs().max() > 0:
        return 0.0, 1.0
    with torch.no_grad():
        ends = height(images + step * direction) - height(images - step * direction)
    slope, along = ends / (2 * step), (gradient * direction).to(wide).sum()
    size = torch.maximum(slope.abs(), along.abs()).clamp_min(1e-12)
    return float(gradient.abs().max()), float((slope - along).abs() / size)


@torch.no_grad()
def count_norms(network: nn.Module, images: Images) -> dict[str, int]:
    """How many normalisations of each kind run."""
    counted: Counter[str] = Counter()

    def count(operation: Any, *_: Any) -> None:
        counted.update(kind for word, kind in NORMS.items() if word in operation.name())

    with Operations(count):
        network(images)
    return dict(counted)


def _taps(network: nn.Module, name: str, teacher: Teacher, images: Images) -> list[str]:
    """Where attention would be taken from in the teacher for a student."""
    card = teacher.card
    assert card.classes
    try:
        student = create(name, classes=card.classes, input_size=card.input_size)
    except UserError:
        return []
    return matching_stages(network, student.to(images.device), images)[0]
