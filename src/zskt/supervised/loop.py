"""Training a classifier on labelled images: teachers, and students with few or many images."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, count, islice
from math import isfinite

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from zskt.data.batches import augment, shuffled
from zskt.data.image_data import ImageData, Split
from zskt.devices import Where, settled
from zskt.errors import DivergedError
from zskt.supervised.losses import SupervisedLoss, labels_alone
from zskt.supervised.recipe import Recipe


def epochs(
    network: nn.Module,
    data: ImageData,
    recipe: Recipe,
    where: Where,
    *,
    few: Split | None = None,
    loss_of: SupervisedLoss | None = None,
) -> Iterator[float]:
    """Train a network, yielding the mean training loss after every epoch.

    An epoch has as many steps as it takes to see the training split once, also where only a few of
    its images are learnt: few images are seen more often, not less long (as the authors' baseline).

    Args:
        network: already on the device of `where`; trained in place.
        data: its training split is learnt, its test split not looked at.
        recipe: the settings.
        where: the device and precision.
        few: learn these images instead of the whole training split.
        loss_of: the loss of the network on normalised images; by default cross-entropy.

    Raises:
        DivergedError: if the loss is not finite.
    """
    random = torch.Generator().manual_seed(recipe.seed)
    learnt = few or data.train
    split = Split(learnt.images.to(where.device), learnt.labels.to(where.device))
    loss_of = loss_of or labels_alone(network, where)
    optimizer = _optimizer(network, recipe)
    flips = data.flips if recipe.flips is None else recipe.flips
    steps = recipe.steps or max(1, len(data.train) // recipe.batch_size)
    rate = _schedule(recipe, recipe.told_epochs * steps)
    batches = chain.from_iterable(shuffled(split, recipe.batch_size, random) for _ in count())
    for epoch in range(recipe.told_epochs):
        _to_train_mode(network, keep_statistics=recipe.keep_statistics)
        total = torch.zeros((), device=where.device)
        for step, (images, labels) in enumerate(islice(batches, steps), start=epoch * steps):
            moved = augment(
                images, random, padding=recipe.padding, flips=flips, cutout=recipe.cutout
            )
            optimizer.zero_grad()
            with settled(where):
                loss = loss_of(data.normalisation.normalised(moved), labels)
                loss.backward()
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * rate(step)
            optimizer.step()
            total += loss.detach()
        mean_loss = total.item() / steps
        if not isfinite(mean_loss):
            raise DivergedError("the training loss is no longer finite; lower `learning_rate`")
        yield mean_loss


def _to_train_mode(network: nn.Module, *, keep_statistics: bool) -> None:
    network.train()
    if keep_statistics:
        for module in network.modules():
            module.train(not isinstance(module, _BatchNorm))


def _schedule(recipe: Recipe, steps: int) -> Callable[[int], float]:
    """The learning rate as a share of the recipe's, by the step."""
    if recipe.schedule == "drops":
        return partial(drops, steps=steps)
    return partial(one_cycle, steps=steps, warm_up=recipe.warm_up)


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
