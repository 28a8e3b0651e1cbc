"""Public data sets through torchvision, downloaded where there is a network."""

from pathlib import Path

import numpy as np
import torch
from torchvision import datasets

from zskt.data.image_data import ImageData, Split, image_data
from zskt.errors import UserError, first_line

DIGITS = tuple("0123456789")


def read_public(name: str, data_dir: Path, *, download: bool = True) -> ImageData:
    """Read one of `PUBLIC` from where torchvision keeps or puts the files.

    It unpickles those of CIFAR, after it has compared their MD5 with the known one.
    """
    root = str(data_dir)
    try:
        if name == "svhn":
            parts = [datasets.SVHN(root, part, download=download) for part in ("train", "test")]
        else:
            kind = "FashionMNIST" if name == "fashion-mnist" else name.upper()
            make = getattr(datasets, kind)
            parts = [make(root, train=train, download=download) for train in (True, False)]
    except (RuntimeError, OSError, EOFError) as error:
        if not download:
            raise UserError(
                f"{name} is not in {data_dir}, where the run had it; give `data_dir` in full, "
                "where it is or may be downloaded to"
            ) from error
        raise UserError(
            f"{name} is not in {data_dir} and cannot be downloaded ({first_line(error)}); "
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
