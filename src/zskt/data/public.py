"""Public data sets through torchvision, downloaded where there is a network."""

from pathlib import Path

import numpy as np
import torch
from torchvision import datasets

from zskt.data.image_data import ImageData, Split, image_data
from zskt.errors import UserError

DIGITS = tuple("0123456789")


def read_public(name: str, data_dir: Path) -> ImageData:
    """Read `cifar10`, `cifar100`, `svhn`, `mnist` or `fashion-mnist`.

    Args:
        name: one of the five.
        data_dir: where torchvision keeps or puts the files. It unpickles those of CIFAR, after it
            has compared their MD5 with the known one.

    Raises:
        UserError: if the files are not there and cannot be downloaded.
    """
    try:
        if name == "svhn":
            parts = [
                datasets.SVHN(str(data_dir), part, download=True) for part in ("train", "test")
            ]
        else:
            kind = {
                "cifar10": datasets.CIFAR10,
                "cifar100": datasets.CIFAR100,
                "mnist": datasets.MNIST,
                "fashion-mnist": datasets.FashionMNIST,
            }[name]
            parts = [kind(str(data_dir), train=train, download=True) for train in (True, False)]
    except (RuntimeError, OSError, EOFError) as error:
        raise UserError(
            f"{name} is not in {data_dir} and cannot be downloaded ({str(error).splitlines()[0]}); "
            "put torchvision's files there with `data_dir`, or give an .npz"
        ) from error
    train, test = (_split(part) for part in parts)
    names = DIGITS if name == "svhn" else tuple(parts[0].classes)  # ty: ignore
    return image_data(train, test, names, flips=name not in ("svhn", "mnist"))


def _split(part: datasets.VisionDataset) -> Split:
    images = torch.as_tensor(np.asarray(part.data))  # ty: ignore
    if images.ndim == 3:
        images = images[:, None]
    elif images.shape[-1] == 3:
        images = images.permute(0, 3, 1, 2)
    labels = part.labels if hasattr(part, "labels") else part.targets  # ty: ignore
    return Split(images.contiguous(), torch.as_tensor(np.asarray(labels)).long())
