"""Whether two networks can play: the same images in, the same number of logits out."""

import copy

import torch
from torch import nn

from zskt.errors import UserError


@torch.no_grad()
def count_classes(teacher: nn.Module, student: nn.Module, input_size: tuple[int, int, int]) -> int:
    """How many logits both networks give for images of this size.

    Raises:
        UserError: if a network cannot take such images, returns something else than logits, or
            the two have different numbers of classes.
    """
    counts = {}
    for role, network in {"teacher": teacher, "student": student}.items():
        # A copy: a forward pass in train mode would move batch-norm statistics.
        tried = copy.deepcopy(network).eval()
        parameter = next(tried.parameters())
        images = torch.zeros(2, *input_size, device=parameter.device, dtype=parameter.dtype)
        size = "x".join(str(number) for number in input_size)
        try:
            logits = tried(images)
        except (RuntimeError, ValueError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"the {role} cannot take {size} images: {reason}") from error
        if not isinstance(logits, torch.Tensor) or logits.ndim != 2 or len(logits) != 2:
            raise UserError(f"the {role} does not map images to logits (batch, classes)")
        counts[role] = logits.shape[1]
    if counts["teacher"] != counts["student"]:
        raise UserError(
            f"the teacher has {counts['teacher']} classes and the student {counts['student']}; "
            "make the student with as many as the teacher"
        )
    return counts["teacher"]
