"""What is run on each data set.

CIFAR-10 and SVHN are the paper's; digits and MNIST are ours, the same in shape and small enough for
two cores.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from zskt.methods.zskt import ZSKT
from zskt.supervised.recipe import KnowledgeDistillation, Recipe

PAIRS = (
    ("wrn-16-2", "wrn-16-1"),
    ("wrn-40-1", "wrn-16-1"),
    ("wrn-40-2", "wrn-16-1"),
    ("wrn-40-1", "wrn-16-2"),
    ("wrn-40-2", "wrn-16-2"),
    ("wrn-40-2", "wrn-40-1"),
)
PAPERS_SGD = Recipe(
    epochs=200, learning_rate=0.1, schedule="drops", nesterov=False, evaluate_every=20
)
NORMS = ("timm:test_efficientnet", "timm:test_efficientnet_gn")
"""One small network of timm twice: with batch norm, and with group norm instead."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Which teachers teach which students, each with each, and how."""

    teachers: tuple[str, ...] = ("wrn-16-1", "wrn-40-1", "wrn-16-2", "resnet-20", *NORMS)
    students: tuple[str, ...] = ("wrn-16-1", "wrn-40-1", "wrn-16-2", "resnet-20", *NORMS)
    method: str = "zskt"
    """It teaches by logits alone, or is set so: not every two networks have stages that match."""
    changes: tuple[tuple[str, Any], ...] = ()
    """Settings of the method that differ from the protocol's, or of another from its defaults."""
    rounds: int = 8000
    belief_images: int = 100


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One data set's runs at full scale."""

    name: str = "cifar10"
    """Of the data set."""
    input_size: tuple[int, int, int] = (3, 32, 32)
    """Of the named data; like the next two, it serves to tell the cost."""
    train_images: int = 50_000
    classes: int = 10
    pairs: tuple[tuple[str, str], ...] = PAIRS
    """Teachers and students of Table 1."""
    pair: tuple[str, str] = ("wrn-40-2", "wrn-16-1")
    """Teacher and student of everything else."""
    grid: Grid = field(default_factory=Grid)
    """Of the study of pairs."""
    noise_networks: tuple[str, ...] = ("lenet", "wrn-16-1", "wrn-16-2", "wrn-40-1", "wrn-40-2")
    """The networks of Figure 5."""
    rounds: int = 80_000
    method: ZSKT = field(default_factory=ZSKT)
    teacher: Recipe = PAPERS_SGD
    student: Recipe = PAPERS_SGD
    """From labels, with a teacher or alone."""
    guidance: KnowledgeDistillation = field(default_factory=KnowledgeDistillation)
    """How the teacher helps there."""
    per_class: tuple[int, ...] = (10, 25, 50, 75, 100)
    """Few images of each class, in Figure 2."""
    table_1_per_class: int = 200
    belief_images: int = 1000
    toy_rounds: int = 2000

    def of(self, pair: tuple[str, str] | None, per_class: Sequence[int] | None) -> "Protocol":
        """The same for one pair of networks, or for these numbers of images of each class."""
        chosen = self
        if pair is not None:
            grid = replace(chosen.grid, teachers=pair[:1], students=pair[1:])
            chosen = replace(chosen, pair=pair, pairs=(pair,), grid=grid)
        return chosen if per_class is None else replace(chosen, per_class=tuple(per_class))

    def scaled(self, scale: float) -> "Protocol":
        """The same with so many times the rounds, epochs and images."""
        return replace(
            self,
            rounds=max(1, round(self.rounds * scale)),
            grid=replace(self.grid, rounds=max(1, round(self.grid.rounds * scale))),
            teacher=shorter(self.teacher, scale),
            student=shorter(self.student, scale),
            # Fewer than 100 images make a standard error as large as what is compared.
            belief_images=min(self.belief_images, max(100, round(self.belief_images * scale))),
            toy_rounds=max(1, round(self.toy_rounds * scale)),
        )


def shorter(recipe: Recipe, scale: float) -> Recipe:
    """A recipe with so many times the epochs."""
    return replace(recipe, epochs=max(1, round(recipe.epochs * scale)))


SIX = ("wrn-10-1", "wrn-16-1", "wrn-10-2", "resnet-8", *NORMS)
LIGHT = (("batch_size", 64), ("generator_width", 32))
"""A round of the zero-shot method in about a fifth of a second."""
SMALL = (1, 5, 10, 25, 50, 100)
DIGITS = Recipe(epochs=40, batch_size=64, padding=1, evaluate_every=40)
MNIST = Recipe(epochs=5, learning_rate=0.05, padding=2, evaluate_every=5)
PROTOCOLS = {
    "cifar10": Protocol(),
    "svhn": Protocol(
        name="svhn",
        train_images=73_257,
        pairs=(("wrn-40-2", "wrn-16-1"),),
        rounds=50_000,
        teacher=replace(PAPERS_SGD, epochs=100, padding=0),
        student=replace(PAPERS_SGD, epochs=100, padding=0),
    ),
    "digits": Protocol(
        name="digits",
        input_size=(1, 8, 8),
        train_images=1_347,
        pairs=(("wrn-16-2", "wrn-10-1"), ("wrn-16-1", "wrn-10-1"), ("wrn-16-2", "wrn-16-1")),
        pair=("wrn-16-2", "wrn-10-1"),
        grid=Grid(teachers=SIX, students=SIX, changes=LIGHT, rounds=60, belief_images=20),
        noise_networks=("wrn-10-1", "wrn-16-1", "wrn-16-2"),
        rounds=400,
        method=ZSKT(fresh_noise=True, attention=0.0, generator_width=64),
        teacher=DIGITS,
        student=replace(DIGITS, schedule="drops", learning_rate=0.1, nesterov=False),
        # Attention maps of 8x8 images have a sixteenth of the pixels that their mean is over: this
        # is the weight per image that the paper's has at 32x32.
        guidance=KnowledgeDistillation(distill_attention=1000 / 16),
        per_class=SMALL,
        table_1_per_class=10,
        belief_images=400,
    ),
    "mnist": Protocol(
        name="mnist",
        input_size=(1, 28, 28),
        train_images=60_000,
        pairs=(("lenet", "lenet"),),
        pair=("lenet", "lenet"),
        grid=Grid(
            teachers=(*SIX, "lenet"),
            students=(*SIX, "lenet"),
            # `zskt` needs minutes for a pair at this size. This method treats teachers that show no
            # batch norm otherwise (docs/pairs.md).
            method="replay",
            changes=(("features", 0.0), ("generator_width", 32), ("image_batch_size", 128)),
            rounds=40,
            belief_images=20,
        ),
        noise_networks=("lenet",),
        rounds=2000,
        method=ZSKT(fresh_noise=True, attention=0.0, generator_width=32),
        teacher=MNIST,
        student=replace(MNIST, epochs=3, schedule="drops", nesterov=False),
        # LeNet has no batch norm to bound its maps: with 1000 students stay at chance. This was the
        # best of 0, 1000 and itself on held-out training images (benchmarks/attention_weight.py).
        guidance=KnowledgeDistillation(distill_attention=1000 / 16),
        per_class=SMALL,
        table_1_per_class=10,
    ),
}
"""By the name of the data; the user's own data take one of them by `protocol`."""
