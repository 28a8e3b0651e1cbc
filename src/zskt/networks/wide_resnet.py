"""Wide residual networks WRN-d-k (Zagoruyko & Komodakis, 2016, arXiv:1605.07146).

The form that the zero-shot paper uses: pre-activation basic blocks, no dropout, no bias in the
convolutions. Depth d = 6n + 4 gives n blocks in each of three groups of widths 16k, 32k and 64k.
ReLU writes over the output of batch norm, which no backward pass needs.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from zskt.images import Images


class Block(nn.Module):
    """BN-ReLU-conv twice, added to a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        changes = inputs != outputs
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if changes else None

    def forward(self, images: Tensor) -> Tensor:
        activated = F.relu(self.bn1(images), inplace=True)
        # Where the width changes, the activated input feeds both paths; elsewhere the raw one.
        kept = images if self.shortcut is None else self.shortcut(activated)
        return kept + self.conv2(F.relu(self.bn2(self.conv1(activated)), inplace=True))


class WideResNet(nn.Module):
    """WRN-d-k for images of any size: depth d is 6n + 4 and width k a factor on 16, 32, 64."""

    stages = ("group1", "group2", "group3")

    def __init__(self, depth: int, width: int, classes: int, channels: int = 3):
        super().__init__()
        if depth < 10 or (depth - 4) % 6 or width < 1:
            raise ValueError(
                f"a WRN has depth 6n + 4 (10, 16, 22, 28, 40, ...) and a width of at least 1, "
                f"not {depth} and {width}"
            )
        blocks = (depth - 4) // 6
        widths = [16, 16 * width, 32 * width, 64 * width]
        self.stem = nn.Conv2d(channels, widths[0], 3, padding=1, bias=False)
        self.group1, self.group2, self.group3 = (
            nn.Sequential(
                Block(inputs, outputs, stride),
                *(Block(outputs, outputs, 1) for _ in range(blocks - 1)),
            )
            for inputs, outputs, stride in zip(widths, widths[1:], (1, 2, 2), strict=False)
        )
        self.bn = nn.BatchNorm2d(widths[3])
        self.head = nn.Linear(widths[3], classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Images) -> Float[Tensor, "batch classes"]:
        hidden = self.group3(self.group2(self.group1(self.stem(images))))
        activated = F.relu(self.bn(hidden), inplace=True)
        return self.head(F.avg_pool2d(activated, activated.shape[2:]).flatten(1))
