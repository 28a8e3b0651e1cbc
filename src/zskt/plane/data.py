"""The butterfly: three classes in the plane, two of them with a small part inside the third.

    class 0    two clouds at (0, 1) and (0, -1), each with a round hole in its middle
    class 1    the left wing, at (-1, 0), and a dot in the upper hole
    class 2    the right wing, at (1, 0), and a dot in the lower hole

Micaelli & Storkey (2019), Fig. 1; the numbers are those of the authors' notebook.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from zskt.seeds import stream

CLASSES = 3
PER_GAUSSIAN = 1000
HOLE = 0.3
"""Radius of the holes, which are empty of class 0."""
TRAIN_SHARE = 0.7
GAUSSIANS = (
    # class, centre, standard deviation along x and y
    (0, (0.0, 1.0), (0.3, 0.4)),
    (0, (0.0, -1.0), (0.3, 0.4)),
    (1, (-1.0, 0.0), (0.4, 0.3)),
    (1, (0.0, 1.0), (0.06, 0.06)),
    (2, (1.0, 0.0), (0.4, 0.3)),
    (2, (0.0, -1.0), (0.06, 0.06)),
)


@dataclass(frozen=True)
class Labelled:
    """Points of the plane with their classes."""

    points: Float[Tensor, "count 2"]
    labels: Int64[Tensor, " count"]

    def __len__(self) -> int:
        return len(self.labels)


def butterfly(seed: int) -> tuple[Labelled, Labelled]:
    """The points to train the teacher on and those to judge by, 70 to 30 at random."""
    random = torch.Generator().manual_seed(stream(seed, "butterfly"))
    points, labels = [], []
    for label, centre, deviation in GAUSSIANS:
        cloud = torch.randn(PER_GAUSSIAN, 2, generator=random) * torch.tensor(deviation)
        if label == 0:
            # Its two centres are those of the holes.
            cloud = cloud[cloud.norm(dim=1) > HOLE]
        points.append(cloud + torch.tensor(centre))
        labels.append(torch.full((len(cloud),), label))
    everything = Labelled(torch.cat(points), torch.cat(labels))
    order = torch.randperm(len(everything), generator=random)
    cut = round(TRAIN_SHARE * len(order))
    parts = (order[:cut], order[cut:])
    train, test = (Labelled(everything.points[part], everything.labels[part]) for part in parts)
    return train, test
