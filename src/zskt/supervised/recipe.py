"""The settings of learning from labelled images: how to train, and how a teacher helps."""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from zskt.errors import UserError, check_settings
from zskt.switches import Either, OnByDefault

ADAMW_MOST = 0.05
"""A learning rate above it is one that was meant for SGD."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How to train; by default one cycle of the learning rate, straight to a peak and to zero."""

    epochs: int = 30
    """Length: so many times the batches that it takes to see the whole training split once."""
    steps: int | None = None
    """Length in batches, instead of epochs; it is then told as one epoch."""
    batch_size: int = 128
    """Images in a step."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """SGD for convolutions; AdamW, with a rate near 0.001, for transformers."""
    learning_rate: float = 0.2
    """The peak."""
    schedule: Literal["one-cycle", "drops"] = "one-cycle"
    """One cycle; or, as the zero-shot paper, a fifth of the rate after 30, 60 and 80 % of it."""
    warm_up: float = 0.2
    """Share of the steps of one cycle that lead up to the peak."""
    momentum: float = 0.9
    """Of SGD."""
    nesterov: OnByDefault = True
    """Whether the momentum is Nesterov's; the zero-shot paper's is not."""
    weight_decay: float = 5e-4
    """On every parameter."""
    padding: int = 4
    """Images are shifted by up to so many pixels."""
    flips: Either = None
    """Whether half of the images are mirrored; by default where the data set says it may be."""
    cutout: int = 0
    """Side of a square that is blanked in each image."""
    keep_statistics: bool = False
    """Leave the running statistics of batch norm as they are, and normalise by them."""
    seed: int = 0
    """For weights, order and augmentation."""
    evaluate_every: int = 5
    """Epochs between two looks at the test split; nothing acts on them."""

    def __post_init__(self):
        if self.optimizer == "adamw" and self.learning_rate > ADAMW_MOST:
            raise UserError(
                f"`learning_rate` {self.learning_rate} is one for SGD; give adamw about 0.001"
            )
        check_settings(
            self,
            "warm_up",
            "momentum",
            "weight_decay",
            "padding",
            "cutout",
            "seed",
            at_most_one=("warm_up",),
        )

    @property
    def told_epochs(self) -> int:
        """How often a loss is told."""
        return 1 if self.steps else self.epochs


@dataclass(frozen=True, kw_only=True)
class KnowledgeDistillation:
    """How a teacher helps; the defaults are the paper's few-shot baseline."""

    distill_temperature: float = 4.0
    """Logits are divided by it before softmax (t)."""
    distill_share: float = 0.9
    """How much the teacher counts beside the labels, 0 to 1 (a)."""
    distill_attention: float = 1000.0
    """Weight of attention transfer (beta); 0 leaves it out."""

    def __post_init__(self):
        check_settings(self, "distill_share", "distill_attention", at_most_one=("distill_share",))


@dataclass(frozen=True, kw_only=True)
class FineTuning(Recipe):
    """A gentle recipe, chosen on training images alone: docs/few-shot.md has the search."""

    epochs: Annotated[int, Parameter(parse=False)] = 1
    """Not counted: the length is in batches."""
    steps: int | None = 400
    """Length in batches."""
    learning_rate: float = 0.03
    """The peak."""
    padding: int = 2
    """Images are shifted by up to so many pixels."""


@dataclass(frozen=True, kw_only=True)
class FineTuningDistillation(KnowledgeDistillation):
    """How the teacher helps; the search found attention transfer to harm here."""

    distill_attention: float = 0.0
    """Weight of attention transfer (beta); 0 leaves it out."""
