"""Training a classifier on labelled images: teachers, and students "from scratch"."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import isfinite

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import nn

from zskt.data.batches import augment, normalise, shuffled
from zskt.data.image_data import ImageData, Split
from zskt.errors import UserError, check_settings


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One-cycle SGD: up to the peak learning rate and down to zero, straight lines both."""

    epochs: int = 30
    """How often each training image is seen."""
    batch_size: int = 128
    """Images in a step."""
    learning_rate: float = 0.2
    """The peak."""
    warm_up: float = 0.2
    """Share of the steps that lead up to the peak."""
    momentum: float = 0.9
    """Of Nesterov's kind."""
    weight_decay: float = 5e-4
    """On every parameter."""
    padding: int = 4
    """Images are shifted by up to so many pixels."""
    flips: bool | None = None
    """Whether half of the images are mirrored; by default where the data set says it may be."""
    seed: int = 0
    """For weights, order and augmentation."""
    evaluate_every: int = 5
    """Epochs between two looks at the test split; nothing acts on them."""

    def __post_init__(self):
        check_settings(self, "warm_up", "momentum", "weight_decay", "padding", "seed")


def epochs(network: nn.Module, data: ImageData, recipe: Recipe, fabric: Fabric) -> Iterator[float]:
    """Train a network, yielding the mean training loss after every epoch.

    Args:
        network: already on the device of `fabric`; trained in place.
        data: its training split is learnt, its test split not looked at.
        recipe: the settings.
        fabric: where and how precisely.

    Raises:
        UserError: if the loss is not finite.
    """
    random = torch.Generator().manual_seed(recipe.seed)
    split = Split(fabric.to_device(data.train.images), fabric.to_device(data.train.labels))
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.momentum > 0,
        fused=True,
    )
    flips = data.flips if recipe.flips is None else recipe.flips
    steps = max(1, len(split) // recipe.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, partial(one_cycle, steps=recipe.epochs * steps, warm_up=recipe.warm_up)
    )
    for _ in range(recipe.epochs):
        network.train()
        total = torch.zeros((), device=fabric.device)
        for images, labels in shuffled(split, recipe.batch_size, random):
            moved = augment(images, random, padding=recipe.padding, flips=flips)
            with fabric.autocast():
                logits = network(normalise(moved, data.mean, data.std))
            loss = F.cross_entropy(logits.float(), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.detach()
        loss_of_epoch = total.item() / steps
        if not isfinite(loss_of_epoch):
            raise UserError("the training loss is no longer finite; lower --learning-rate")
        yield loss_of_epoch


def one_cycle(step: int, *, steps: int, warm_up: float) -> float:
    """The learning rate as a share of its peak: from a 25th up to 1, then down to 0.

    Smith & Topin (2017), arXiv:1708.07120, with straight lines both ways.
    """
    top = max(1.0, warm_up * steps)
    if step < top:
        return 1 / 25 + 24 / 25 * step / top
    return (steps - step) / max(1.0, steps - top)
