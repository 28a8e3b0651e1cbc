"""Images and labels in memory: what teachers learn from and students are judged by."""

from dataclasses import dataclass

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

from zskt.errors import UserError
from zskt.images import Normalisation


@dataclass(frozen=True)
class Split:
    """Images as pixels 0 to 255 with their labels."""

    images: UInt8[Tensor, "count channels height width"]
    labels: Int64[Tensor, " count"]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class ImageData:
    """A labelled set of images with a part to learn from and a part to be judged by."""

    train: Split
    test: Split
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    """Of each channel over the training pixels, pixels taken from 0 to 1."""
    std: tuple[float, ...]
    flips: bool = True
    """Whether a mirror image keeps its class (it does not for digits)."""

    @property
    def normalisation(self) -> Normalisation:
        """Of networks that learn from these images."""
        return Normalisation(self.mean, self.std)

    @property
    def input_size(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        _, channels, height, width = self.train.images.shape
        return channels, height, width

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)


def image_data(
    train: Split, test: Split, class_names: tuple[str, ...], *, flips: bool = True
) -> ImageData:
    """Check two splits against each other and measure the normalisation on the training one."""
    for part, split in {"train": train, "test": test}.items():
        if len(split) == 0:
            raise UserError(f"the {part} split holds no image; give it at least one")
        low, high = int(split.labels.min()), int(split.labels.max())
        if low < 0 or high >= len(class_names):
            raise UserError(
                f"the {part} labels run from {low} to {high}, but there are {len(class_names)} "
                f"classes; labels must be 0 to {len(class_names) - 1}"
            )
    if train.images.shape[1:] != test.images.shape[1:]:
        raise UserError(
            f"train images are {tuple(train.images.shape[1:])} and test images "
            f"{tuple(test.images.shape[1:])} (channels, height, width); make them equal"
        )
    return ImageData(train, test, class_names, *pixel_statistics(train.images), flips)


def balanced_subset(split: Split, per_class: int, seed: int) -> Split:
    """So many images of each class, drawn by a seed."""
    random = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(split), generator=random)
    classes = [order[split.labels[order] == label] for label in split.labels.unique()]
    fewest = min(len(members) for members in classes)
    if not 0 < per_class <= fewest:
        raise UserError(
            f"`per_class` must be 1 to {fewest}, the size of the smallest class, not {per_class}"
        )
    chosen = torch.cat([members[:per_class] for members in classes])
    return Split(split.images[chosen], split.labels[chosen])


def pixel_statistics(
    images: UInt8[Tensor, "count channels height width"],
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, exact, from a histogram of the 256 values."""
    values = torch.arange(256, dtype=torch.float64) / 255
    mean, std = [], []
    for channel in images.unbind(1):
        weights = torch.bincount(channel.flatten(), minlength=256) / channel.numel()
        centre = (weights * values).sum()
        mean.append(round(float(centre), 6))
        # A channel of one single value must not divide by zero.
        spread = (weights * (values - centre) ** 2).sum().sqrt()
        std.append(max(round(float(spread), 6), 1 / 255))
    return tuple(mean), tuple(std)
