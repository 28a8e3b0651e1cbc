"""LeNet-5 (LeCun et al., 1998) as the zero-shot paper uses it: ReLU and max-pooling."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from zskt.images import Images


class LeNet(nn.Module):
    """Two 5x5 convolutions and three linear layers; `sides` are the images' height and width."""

    stages = ("conv1", "conv2")

    def __init__(self, sides: tuple[int, int], classes: int, channels: int = 3):
        super().__init__()
        rows, columns = (((side - 4) // 2 - 4) // 2 for side in sides)
        if min(rows, columns) < 1:
            raise ValueError(f"lenet takes images of at least 16x16, not {sides[0]}x{sides[1]}")
        self.conv1 = nn.Sequential(nn.Conv2d(channels, 6, 5), nn.ReLU())
        self.conv2 = nn.Sequential(nn.Conv2d(6, 16, 5), nn.ReLU())
        self.linear1 = nn.Linear(16 * rows * columns, 120)
        self.linear2 = nn.Linear(120, 84)
        self.head = nn.Linear(84, classes)

    def forward(self, images: Images) -> Float[Tensor, "batch classes"]:
        hidden = F.max_pool2d(self.conv1(images), 2)
        hidden = F.max_pool2d(self.conv2(hidden), 2).flatten(1)
        return self.head(F.relu(self.linear2(F.relu(self.linear1(hidden)))))
