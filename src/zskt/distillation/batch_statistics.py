"""Batch norm over the batches of all processes, on CPUs too, for whatever network.

    mean, variance <- of a channel over images and places of every process
    y <- weight (x - mean) / sqrt(variance + eps) + bias

and backwards the two sums over the batch are sums over all processes. torch's own SyncBatchNorm
takes CUDA alone, and the place of the layers that it stands for; here the function that all layers
of batch norm call is another one for a while, in train mode. Batches are equally large everywhere.
"""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, distributed
from torch.overrides import TorchFunctionMode


class MeanOfAll(torch.autograd.Function):
    """The mean of a tensor over all processes; a gradient goes back to each of them."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: D102
        return average(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: D102
        return average(gradients[0])


def average(values: Tensor) -> Tensor:
    """The mean over all processes, without gradients."""
    values = values.clone(memory_format=torch.contiguous_format)
    distributed.all_reduce(values)
    return values / distributed.get_world_size()


Activation = Float[Tensor, "batch channels *places"]


class SharedStatistics(TorchFunctionMode):
    """Within it, batch norm in train mode has the statistics of all processes."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is F.batch_norm and _training(*args, **kwargs):
            return shared_batch_norm(*args, **kwargs)
        return func(*args, **kwargs)


def shared_batch_norm(
    input: Activation,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Activation:
    """Like `torch.nn.functional.batch_norm` in train mode, over the batches of all processes."""
    channels = input.shape[1]
    full = torch.promote_types(input.dtype, torch.float32)
    scale = torch.ones(channels, device=input.device, dtype=full) if weight is None else weight
    shift = torch.zeros_like(scale) if bias is None else bias
    normalised, mean, variance, count = _Shared.apply(input, scale, shift, eps)
    if running_mean is not None and running_var is not None:
        with torch.no_grad():
            running_mean.lerp_(mean.to(running_mean), momentum)
            unbiased = variance * (count / (count - 1))
            running_var.lerp_(unbiased.to(running_var), momentum)
    return normalised


class _Shared(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, input: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor, int]:
        full = torch.promote_types(input.dtype, torch.float32)
        dims = [dim for dim in range(input.ndim) if dim != 1]
        variance, mean = torch.var_mean(input.to(full), dims, correction=0)
        ours = mean
        mean = average(mean)
        variance = average(variance + (ours - mean).square())
        ctx.save_for_backward(input, weight, mean, (variance + eps).rsqrt())
        ctx.mark_non_differentiable(mean, variance)
        normalised = F.batch_norm(input, mean, variance, weight, bias, False, 0.0, eps)
        count = distributed.get_world_size() * input.numel() // input.shape[1]
        return normalised, mean, variance, count

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        input, weight, mean, inverse = ctx.saved_tensors
        shape = [1, -1] + [1] * (input.ndim - 2)
        dims = [dim for dim in range(input.ndim) if dim != 1]
        slope = gradients[0].to(mean.dtype)
        apart = input.to(mean.dtype) - mean.view(shape)
        of_bias = slope.sum(dims)
        of_weight = (slope * apart).sum(dims) * inverse
        count = input.numel() // input.shape[1]
        shared = average(torch.stack([of_bias, of_weight])) / count
        centred = slope - shared[0].view(shape) - apart * (shared[1] * inverse).view(shape)
        of_input = (centred * (weight * inverse).view(shape)).to(input.dtype)
        return of_input, of_weight.to(weight.dtype), of_bias.to(weight.dtype), None


def _training(
    input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None,
    training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> bool:  # fmt: skip
    return training
