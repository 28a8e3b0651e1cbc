"""Residual networks for small images (He et al., 2016, arXiv:1512.03385, section 4.2).

ResNet-20/32/44/56/110 with widths 16, 32, 64 and shortcuts without parameters (option A: stride
and zero-padded channels), post-activation.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from zskt.images import Images


class Block(nn.Module):
    """Conv-BN-ReLU, conv-BN, plus the input, ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride = stride
        self.extra = outputs - inputs

    def forward(self, images: Tensor) -> Tensor:
        hidden = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(images)))))
        kept = images[:, :, :: self.stride, :: self.stride]
        return F.relu(hidden + F.pad(kept, (0, 0, 0, 0, 0, self.extra)))


class ResNet(nn.Module):
    """ResNet of depth 6n + 2 (8, 14, 20, 32, 44, 56, 110, ...) for square images."""

    stages = ("stage1", "stage2", "stage3")

    def __init__(self, depth: int, classes: int, channels: int = 3):
        super().__init__()
        if depth < 8 or (depth - 2) % 6:
            raise ValueError(
                f"a ResNet for small images has depth 6n + 2 (8, 14, 20, 32, ...), not {depth}"
            )
        blocks = (depth - 2) // 6
        widths = [16, 16, 32, 64]
        self.stem = nn.Conv2d(channels, widths[0], 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(widths[0])
        self.stage1, self.stage2, self.stage3 = (
            nn.Sequential(
                Block(inputs, outputs, stride),
                *(Block(outputs, outputs, 1) for _ in range(blocks - 1)),
            )
            for inputs, outputs, stride in zip(widths, widths[1:], (1, 2, 2), strict=False)
        )
        self.head = nn.Linear(widths[3], classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Images) -> Float[Tensor, "batch classes"]:
        hidden = F.relu(self.bn(self.stem(images)))
        return self.head(self.stage3(self.stage2(self.stage1(hidden))).mean((2, 3)))
