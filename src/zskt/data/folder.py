"""Data as an image folder: `train/CLASS/*.png` and `test/CLASS/*.png` (or `val/`)."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torchvision.datasets import ImageFolder

from zskt.data.image_data import ImageData, Split, image_data
from zskt.errors import UserError


def read_folder(path: Path) -> ImageData:
    """Read every image into memory; all must have the size of the first and the same classes.

    Grey images give one channel if all are grey, else everything becomes three.

    Raises:
        UserError: if a part, a class or an image is missing, damaged or of another size.
    """
    test_part = next((part for part in ("test", "val") if (path / part).is_dir()), None)
    if not (path / "train").is_dir() or test_part is None:
        raise UserError(f"{path} must hold the folders train/ and test/ (or val/)")
    try:
        train, test = (ImageFolder(str(path / part)) for part in ("train", test_part))
    except FileNotFoundError as error:
        raise UserError(f"{path}: {str(error).splitlines()[0]}") from error
    if train.classes != test.classes:
        odd = sorted(set(train.classes) ^ set(test.classes))
        raise UserError(f"{path}: class folder {odd[0]} is not in both train/ and {test_part}/")
    grey = all(_open(file).mode == "L" for part in (train, test) for file, _ in part.samples)
    splits = (_split(part, "L" if grey else "RGB") for part in (train, test))
    return image_data(*splits, tuple(train.classes), flips=False)


def _split(part: ImageFolder, mode: str) -> Split:
    first, _ = part.samples[0]
    size = _open(first).size
    images = []
    for file, _ in part.samples:
        image = _open(file)
        if image.size != size:
            raise UserError(f"{file} is {image.size}, {first} is {size}; make all sizes equal")
        try:
            pixels = np.asarray(image.convert(mode))
        except OSError as error:
            raise UserError(f"{file} is damaged ({error}); remove it or make it anew") from error
        images.append(pixels[..., None] if mode == "L" else pixels)
    stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
    return Split(stacked, torch.tensor([label for _, label in part.samples]))


def _open(file: str) -> Image.Image:
    try:
        return Image.open(file)
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(f"{file} is no image; remove it or make it anew") from error
