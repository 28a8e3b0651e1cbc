"""Training a classifier on labelled images: teachers, and students with few or many images."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, count, islice
from math import isfinite
from typing import Literal

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from zskt.data.batches import augment, normalise, shuffled
from zskt.data.image_data import ImageData, Split
from zskt.devices import attention_kernel
from zskt.errors import UserError, check_settings
from zskt.training.lessons import Lesson, labels_alone

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
    nesterov: bool = True
    """Whether the momentum is Nesterov's; the zero-shot paper's is not."""
    weight_decay: float = 5e-4
    """On every parameter."""
    padding: int = 4
    """Images are shifted by up to so many pixels."""
    flips: bool | None = None
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
                f"--learning-rate {self.learning_rate} is one for SGD; give adamw about 0.001"
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


def epochs(
    network: nn.Module,
    data: ImageData,
    recipe: Recipe,
    fabric: Fabric,
    *,
    few: Split | None = None,
    lesson: Lesson | None = None,
) -> Iterator[float]:
    """Train a network, yielding the mean training loss after every epoch.

    An epoch has as many steps as it takes to see the training split once, also where only a few of
    its images are learnt: few images are seen more often, not less long (as the authors' baseline).

    Args:
        network: already on the device of `fabric`; trained in place.
        data: its training split is learnt, its test split not looked at.
        recipe: the settings.
        fabric: where and how precisely.
        few: learn these images instead of the whole training split.
        lesson: the loss of the network on normalised images; by default cross-entropy.

    Raises:
        UserError: if the loss is not finite.
    """
    random = torch.Generator().manual_seed(recipe.seed)
    learnt = few or data.train
    split = Split(fabric.to_device(learnt.images), fabric.to_device(learnt.labels))
    lesson = lesson or labels_alone(network, fabric)
    optimizer = _optimizer(network, recipe)
    flips = data.flips if recipe.flips is None else recipe.flips
    steps = recipe.steps or max(1, len(data.train) // recipe.batch_size)
    rate = partial(one_cycle, steps=recipe.told_epochs * steps, warm_up=recipe.warm_up)
    if recipe.schedule == "drops":
        rate = partial(drops, steps=recipe.told_epochs * steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    batches = chain.from_iterable(shuffled(split, recipe.batch_size, random) for _ in count())
    for _ in range(recipe.told_epochs):
        network.train()
        if recipe.keep_statistics:
            for module in network.modules():
                module.train(not isinstance(module, _BatchNorm))
        total = torch.zeros((), device=fabric.device)
        for images, labels in islice(batches, steps):
            moved = augment(
                images, random, padding=recipe.padding, flips=flips, cutout=recipe.cutout
            )
            optimizer.zero_grad()
            with attention_kernel(fabric):
                loss = lesson(normalise(moved, data.mean, data.std), labels)
                loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.detach()
        loss_of_epoch = total.item() / steps
        if not isfinite(loss_of_epoch):
            raise UserError("the training loss is no longer finite; lower --learning-rate")
        yield loss_of_epoch


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    rate, decay = recipe.learning_rate, recipe.weight_decay
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=decay, fused=True)
    return torch.optim.SGD(
        network.parameters(),
        lr=rate,
        momentum=recipe.momentum,
        weight_decay=decay,
        nesterov=recipe.nesterov and recipe.momentum > 0,
        fused=True,
    )


def one_cycle(step: int, *, steps: int, warm_up: float) -> float:
    """The learning rate as a share of its peak: from a 25th up to 1, then down to 0.

    Smith & Topin (2017), arXiv:1708.07120, with straight lines both ways.
    """
    top = max(1.0, warm_up * steps)
    if step < top:
        return 1 / 25 + 24 / 25 * step / top
    return (steps - step) / max(1.0, steps - top)


def drops(step: int, *, steps: int) -> float:
    """The learning rate as a share of its first: divided by 5 after 30, 60, 80 % of the steps."""
    return 0.2 ** sum(step >= share * steps for share in (0.3, 0.6, 0.8))
