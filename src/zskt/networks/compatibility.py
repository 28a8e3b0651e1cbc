"""Whether two networks can play: images of a size in, the same number of logits out."""

import copy

import torch
from torch import nn

from zskt.errors import UserError, first_line
from zskt.images import size_in_words


def count_classes(teacher: nn.Module, student: nn.Module, input_size: tuple[int, int, int]) -> int:
    """How many logits both networks give for images of this size; or a `UserError`."""
    ours = count_logits("student", student, input_size)
    theirs = count_logits("teacher", teacher, input_size)
    if ours != theirs:
        raise UserError(
            f"the teacher has {theirs} classes and the student {ours}; "
            "make the student with as many as the teacher"
        )
    return ours


@torch.no_grad()
def count_logits(role: str, network: nn.Module, input_size: tuple[int, int, int]) -> int:
    """How many logits, two or more, a network gives for images of this size; or a `UserError`."""
    # A copy: a forward pass could change buffers.
    tried = copy.deepcopy(network).eval()
    parameter = next(tried.parameters(), None)
    if parameter is None:
        raise UserError(f"the {role} has no parameters; give a trainable network")
    images = torch.zeros(2, *input_size, device=parameter.device, dtype=parameter.dtype)
    try:
        logits = tried(images)
    except (RuntimeError, ValueError, AssertionError) as error:
        by = size_in_words(input_size)
        raise UserError(f"the {role} cannot take {by} images: {first_line(error)}") from error
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2 or len(logits) != 2:
        raise UserError(f"the {role} does not map images to logits (batch, classes)")
    if logits.shape[1] < 2:
        raise UserError(f"the {role} has one logit; give a network with one for each class")
    return logits.shape[1]
