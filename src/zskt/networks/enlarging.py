"""Doubling maps and convolving them, as one transposed convolution.

Every pixel of a doubled map comes four times, so a 3x3 convolution of it multiplies the same number
up to four times. Summing the weights that meet the same pixel first gives a transposed convolution
of 4x4 weights and stride 2 on the small map: the same sums in another order, in 4/9 of the
multiplications, and the doubled map is never written.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

Maps = Float[Tensor, "batch inputs height width"]


def enlarged(maps: Maps, conv: nn.Conv2d) -> Float[Tensor, "batch outputs height2 width2"]:
    """What a 3x3 convolution with padding 1 makes of maps enlarged to twice their sides."""
    weight = summed(conv.weight)
    if maps.is_cuda:
        # The sums lie as contiguous weights do, and cuDNN would take the maps so too.
        weight = weight.contiguous(memory_format=torch.channels_last)
    return F.conv_transpose2d(maps, weight, conv.bias, stride=2, padding=1)


def summed(weight: Float[Tensor, "outputs inputs 3 3"]) -> Float[Tensor, "inputs outputs 4 4"]:
    """The weights of the transposed convolution, differentiable."""
    turned = weight.flip(2, 3).transpose(0, 1)
    rows = F.pad(turned, (0, 0, 0, 1)) + F.pad(turned, (0, 0, 1, 0))
    return F.pad(rows, (0, 1)) + F.pad(rows, (1, 0))
