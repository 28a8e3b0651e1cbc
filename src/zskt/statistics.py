"""Statistics of activations, and those that batch norm remembers of a network's training images."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from zskt.taps import tappable

Channels = Float[Tensor, " channels"]


def remembering(network: nn.Module) -> list[nn.Module]:
    """Layers of batch norm that hold running statistics and can be watched."""
    layers = [each for each in tappable(network) if isinstance(each, _BatchNorm)]
    return [layer for layer in layers if layer.running_mean is not None]


def norms(mean: Channels, variance: Channels, ours: Channels, spread: Channels) -> Tensor:
    """Lengths of the differences, of one layer of R."""
    return (mean - ours).norm() + (variance - spread).norm()


def running(layer: nn.Module) -> tuple[Channels, Channels]:
    """Mean and variance that a layer of batch norm remembers."""
    mean, variance = layer.running_mean, layer.running_var
    assert isinstance(mean, Tensor)
    assert isinstance(variance, Tensor)
    return mean, variance


def channel_statistics(
    activation: Float[Tensor, "batch channels *places"],
) -> tuple[Float[Tensor, " channels"], Float[Tensor, " channels"]]:
    """Mean and variance of each channel, in float32 or better."""
    mean, variance = _Statistics.apply(activation)
    return mean, variance


class _Statistics(torch.autograd.Function):
    """One pass forward and one backward; autograd's own makes float32 copies of activations."""

    @staticmethod
    def forward(ctx: Any, activation: Tensor) -> tuple[Tensor, Tensor]:
        full = torch.promote_types(activation.dtype, torch.float32)
        if activation.device.type == "mps":
            # Apple's GPUs have no such operation.
            places = [0, *range(2, activation.ndim)]
            variance, mean = torch.var_mean(activation.float(), places, correction=0)
        else:
            # Processors give results of the precision of running statistics. These go unused.
            size = 2, activation.shape[1]
            processor = activation.device.type == "cpu"
            unused = activation.new_zeros(size, dtype=full) if processor else (None, None)
            mean, variance = torch.batch_norm_update_stats(activation, *unused, 0.0)
        mean, variance = mean.to(full), variance.to(full)
        ctx.save_for_backward(activation, mean)
        return mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        activation, mean = ctx.saved_tensors
        of_mean, of_variance = gradients
        count = activation.numel() // activation.shape[1]
        shape = [1, -1] + [1] * (activation.ndim - 2)
        slope = (2 / count * of_variance).view(shape).to(activation.dtype)
        offset = of_mean / count - 2 / count * mean * of_variance
        return torch.addcmul(offset.view(shape).to(activation.dtype), activation, slope)
