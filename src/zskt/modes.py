"""Training, eval and frozen modes, and torch's own, put back exactly as they were."""

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def usual_modes() -> Generator[None]:
    """Gradients are kept and new tensors have 32 bits within, whatever the caller has set."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def evaluating(network: nn.Module) -> Generator[None]:
    """Eval mode within; afterwards every module is in the mode that it was in."""
    before = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, mode in before.items():
            module.training = mode


@contextmanager
def frozen(network: nn.Module) -> Generator[None]:
    """Gradients pass through the network, none are collected for it; flags are put back after."""
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)
