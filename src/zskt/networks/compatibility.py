"""Whether two networks can play: images of a size in, the same number of logits out."""

import copy

import torch
from torch import nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from zskt.errors import UserError, first_line
from zskt.images import size_in_words

WIDTHS = (torch.float32, torch.float64)
"""What a student may have."""


def not_plain(tensor: object) -> str | None:
    """Why nobody can compute with a weight as with any other; None if one can."""
    if not isinstance(tensor, torch.Tensor):
        return f"is a {type(tensor).__name__} and no tensor"
    if isinstance(tensor, UninitializedParameter | UninitializedBuffer):
        return "is lazy and has no size yet: run the network once"
    reasons = {
        "has no numbers, for it lies on the meta device": tensor.is_meta,
        "is sparse": tensor.layout != torch.strided,
        "is quantised": tensor.is_quantized,
        "is complex": tensor.is_complex(),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def copied(role: str, network: nn.Module) -> nn.Module:
    """A copy of a network whose weights are plain; or a `UserError`."""
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        if (reason := not_plain(tensor)) is not None:
            raise UserError(f"the {role}'s {name} {reason}; give a network of plain weights")
    try:
        made = copy.deepcopy(network)
    except Exception as error:
        raise UserError(
            f"the {role} cannot be copied: {first_line(error)}; make its weights plain parameters "
            "(after pruning torch.nn.utils.prune.remove does) and keep no locks or generators in it"
        ) from error
    if holds_torchscript(made):
        # Copied with its gradient a weight is a result of copying, no longer a weight.
        for weight in made.parameters():
            weight.detach_()
    return made


def holds_torchscript(network: nn.Module) -> bool:
    """Whether a part of a network is TorchScript."""
    return any(isinstance(each, torch.jit.ScriptModule) for each in network.modules())


def check_learns(student: nn.Module, input_size: tuple[int, int, int]) -> None:
    """Raise a `UserError` unless a network can be trained on images of this size, and saved."""
    if holds_torchscript(student):
        raise UserError("a part of the student is TorchScript; give it as plain modules")
    tried = copied("student", student)
    weights = dict(student.named_parameters())
    if not any(each.requires_grad for each in weights.values()):
        raise UserError("the student is frozen; call requires_grad_(True) on it")
    for name, each in weights.items():
        if each.is_inference():
            raise UserError("the student was made within inference_mode; make it outside")
        if each.dtype not in WIDTHS:
            raise UserError(f"the student's {name} is {each.dtype}; give the student as float32")
    for name, each in student.named_buffers():
        if any(
            step == 0 and side > 1 for step, side in zip(each.stride(), each.shape, strict=True)
        ):
            raise UserError(f"the student's {name} has numbers that lie on each other; clone() it")
    for name, each in student.state_dict().items():
        if not isinstance(each, torch.Tensor):
            kind = type(each).__name__
            raise UserError(f"the student keeps a {kind} as {name}, which no model file can hold")
    count_logits("student", student, input_size)
    like = next(tried.parameters())
    logits = tried.train()(torch.zeros(2, *input_size, device=like.device, dtype=like.dtype))
    if not isinstance(logits, torch.Tensor):
        raise UserError(
            "in train mode the student does not return logits (batch, classes) alone; "
            "leave its other heads out"
        )
    if not logits.requires_grad:
        raise UserError("no gradient reaches the student's weights; let `forward` keep it")


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
    tried = copied(role, network).eval()
    parameter = next(tried.parameters(), None)
    if parameter is None:
        raise UserError(f"the {role} has no parameters; give a trainable network")
    images = torch.zeros(2, *input_size, device=parameter.device, dtype=parameter.dtype)
    try:
        logits = tried(images)
    except (Exception, SystemExit) as error:
        by = size_in_words(input_size)
        raise UserError(f"the {role} cannot take {by} images: {first_line(error)}") from error
    if not_plain(logits) is not None or logits.ndim != 2 or len(logits) != 2:
        raise UserError(f"the {role} does not map images to logits (batch, classes)")
    if logits.shape[1] < 2:
        raise UserError(f"the {role} has one logit; give a network with one for each class")
    return logits.shape[1]
