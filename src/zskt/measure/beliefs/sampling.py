"""Where transition curves start: images on which two networks agree, and the classes to step to."""

from dataclasses import dataclass

import torch
from jaxtyping import Int64
from torch import Tensor

from zskt.errors import UserError
from zskt.measure.accuracy import Labels, Logits
from zskt.measure.beliefs.settings import RelativeTo


@dataclass(frozen=True)
class Sampled:
    """Where the steps begin and where they lead."""

    index: Int64[Tensor, " images"]
    """Of each image in its split."""
    start: Int64[Tensor, " images"]
    """The class that is left: the predicted one or the label."""
    targets: Int64[Tensor, "images targets"]
    """Every other class."""


def sample_agreed(
    logits: Logits,
    others: Logits,
    labels: Labels,
    *,
    images: int = 1000,
    relative_to: RelativeTo = "predicted",
    seed: int = 0,
) -> Sampled:
    """Draw images on which two networks predict the same class, right or wrong.

    So many `images`, or all on which the networks agree. They are to be stepped towards every class
    but the one that both predict, as the paper has it, or but the label, as its authors' code has.
    """
    predicted = logits.argmax(1)
    agreed = (predicted == others.argmax(1)).nonzero().squeeze(1)
    if len(agreed) == 0:
        raise UserError("the networks agree on no image; give other networks or other data")
    random = torch.Generator().manual_seed(seed)
    index = agreed[torch.randperm(len(agreed), generator=random)[:images]]
    start = (predicted if relative_to == "predicted" else labels)[index]
    return Sampled(index, start, other_classes(start, logits.shape[1]))


def other_classes(start: Int64[Tensor, " images"], classes: int) -> Int64[Tensor, "images targets"]:
    """For each image every class but the one it starts in, in order."""
    every = torch.arange(classes).expand(len(start), classes)
    return every[every != start[:, None]].view(len(start), classes - 1)
