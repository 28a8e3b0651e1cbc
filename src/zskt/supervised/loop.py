"""Training a classifier on labelled images: teachers, and students with few or many images."""

from collections.abc import Callable, Iterator
from functools import partial
from math import isfinite
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from zskt.data.batches import Shuffled, augment
from zskt.data.image_data import ImageData, Split
from zskt.devices import Where, settled
from zskt.errors import DivergedError, UserError
from zskt.supervised.losses import SupervisedLoss, labels_alone
from zskt.supervised.recipe import Recipe


class Training:
    """A network that learns, step by step; all that its next steps depend on can be saved.

    An epoch has as many steps as it takes to see the training split once, also where only a few of
    its images are learnt: few images are seen more often, not less long (as the authors' baseline).

    Args:
        network: already on the device of `where`; trained in place.
        data: its training split is learnt, its test split not looked at.
        recipe: the settings.
        where: the device and precision.
        few: learn these images instead of the whole training split.
        loss_of: the loss of the network on normalised images; by default cross-entropy.

    Attributes:
        step: how many steps are done.
        steps: how many an epoch has.
    """

    def __init__(
        self,
        network: nn.Module,
        data: ImageData,
        recipe: Recipe,
        where: Where,
        *,
        few: Split | None = None,
        loss_of: SupervisedLoss | None = None,
    ):
        self._network, self._recipe, self._where = network, recipe, where
        self._random = torch.Generator().manual_seed(recipe.seed)
        learnt = few or data.train
        split = Split(learnt.images.to(where.device), learnt.labels.to(where.device))
        self._batches = Shuffled(split, recipe.batch_size, self._random)
        self._normalisation = data.normalisation
        self._flips = data.flips if recipe.flips is None else recipe.flips
        self._loss_of = loss_of or labels_alone(network, where)
        self._optimizer = _optimizer(network, recipe)
        self.step, self.steps = 0, recipe.steps or max(1, len(data.train) // recipe.batch_size)
        self._rate = _schedule(recipe, recipe.told_epochs * self.steps)
        self._total = torch.zeros((), device=where.device)
        self._begun = False

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return self.step // self.steps

    @property
    def over(self) -> bool:
        """Whether all steps are done."""
        return self.epoch >= self._recipe.told_epochs

    def advance(self) -> float | None:
        """One step; the mean training loss of an epoch, if the step ended one.

        Call it within `devices.settled`, entered once for many steps: its end gives memory back.

        Raises:
            DivergedError: if that loss is not finite.
        """
        first = self.step % self.steps == 0
        if first:
            self._total = torch.zeros_like(self._total)
        if first or not self._begun:
            self._begun = True
            _to_train_mode(self._network, keep_statistics=self._recipe.keep_statistics)
        recipe, (images, labels) = self._recipe, self._batches.take()
        moved = augment(
            images, self._random, padding=recipe.padding, flips=self._flips, cutout=recipe.cutout
        )
        self._optimizer.zero_grad()
        loss = self._loss_of(self._normalisation.normalised(moved), labels)
        loss.backward()
        for group in self._optimizer.param_groups:
            group["lr"] = recipe.learning_rate * self._rate(self.step)
        self._optimizer.step()
        self._total += loss.detach()
        self.step += 1
        if self.step % self.steps:
            return None
        self.check_finite()
        return self._total.item() / self.steps

    def check_finite(self) -> None:
        """Raise a `DivergedError` if a loss of this epoch was not finite."""
        if not isfinite(self._total.item()):
            raise DivergedError("the training loss is no longer finite; lower `learning_rate`")

    def state_dict(self) -> dict[str, Any]:
        """Everything that the rest of the training depends on; the schedule is arithmetic."""
        random = {"own": self._random.get_state(), "cpu": torch.get_rng_state()}
        if self._where.device.type == "cuda":
            random["cuda"] = torch.cuda.get_rng_state(self._where.device)
        kept = {name: part.state_dict() for name, part in self._parts().items()}
        return {"step": self.step, "total": self._total, "random": random, **kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there; layers that draw by themselves go on drawing too.

        Raises:
            UserError: if it is the state of another network, optimizer or data.
        """
        try:
            for name, part in self._parts().items():
                part.load_state_dict(state[name])
            self.step = int(state["step"])
            self._total = state["total"].to(self._where.device)
            random = state["random"]
            self._random.set_state(random["own"])
            torch.set_rng_state(random["cpu"])
            if "cuda" in random and self._where.device.type == "cuda":
                torch.cuda.set_rng_state(random["cuda"], self._where.device)
        except torch.OutOfMemoryError:
            raise
        except (KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
            raise UserError(
                "the checkpoint does not fit this training: it is of another network, optimizer or "
                "data; start the run anew"
            ) from error

    def _parts(self) -> dict[str, Any]:
        return {
            "network": self._network, "optimizer": self._optimizer, "batches": self._batches,
        }  # fmt: skip


def epochs(
    network: nn.Module, data: ImageData, recipe: Recipe, where: Where, **more: Any
) -> Iterator[float]:
    """Train a network, yielding the mean training loss after every epoch: `Training` at once."""
    training = Training(network, data, recipe, where, **more)
    while not training.over:
        loss = None
        with settled(where):
            while loss is None:
                loss = training.advance()
        yield loss


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
