"""Data as an image folder: `train/CLASS/*.png` and `test/CLASS/*.png` (or `val/`)."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torchvision.datasets import ImageFolder

from zskt.data.image_data import ImageData, Split, image_data
from zskt.errors import UserError, first_line

GREY_MODES = ("1", "L", "LA")


def read_folder(path: Path) -> ImageData:
    """Read every image into memory; all must have the size of the first and the same classes.

    Grey images give one channel if all are grey, else everything becomes three.
    """
    test_part = next((part for part in ("test", "val") if (path / part).is_dir()), None)
    if not (path / "train").is_dir() or test_part is None:
        raise UserError(f"{path} must hold the folders train/ and test/ (or val/)")
    try:
        train, test = (ImageFolder(str(path / part)) for part in ("train", test_part))
    except FileNotFoundError as error:
        raise UserError(f"{path}: {first_line(error)}") from error
    if train.classes != test.classes:
        odd = sorted(set(train.classes) ^ set(test.classes))
        raise UserError(f"{path}: class folder {odd[0]} is not in both train/ and {test_part}/")
    images = {file: _pixels(file) for part in (train, test) for file, _ in part.samples}
    first, size = next((file, pixels.shape[:2]) for file, pixels in images.items())
    for file, pixels in images.items():
        if pixels.shape[:2] != size:
            raise UserError(f"{file} is not of the size of {first}; make all sizes equal")
    grey = all(pixels.ndim == 2 for pixels in images.values())
    splits = (
        Split(
            torch.stack([_tensor(images[file], grey) for file, _ in part.samples]),
            torch.tensor([label for _, label in part.samples]),
        )
        for part in (train, test)
    )
    return image_data(*splits, tuple(train.classes), flips=False)


def _pixels(file: str) -> np.ndarray:
    """(height, width) of a grey image, (height, width, 3) of any other."""
    try:
        with Image.open(file) as image:
            if image.mode.startswith(("I", "F")):
                raise UserError(f"{file} has more than 8 bits per pixel; save it with 8")
            return np.array(image.convert("L" if image.mode in GREY_MODES else "RGB"))
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(f"{file} is no whole image; remove it or make it anew") from error


def _tensor(pixels: np.ndarray, grey: bool) -> torch.Tensor:
    """(channels, height, width)."""
    if grey:
        return torch.from_numpy(pixels[None])
    coloured = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    return torch.from_numpy(coloured.transpose(2, 0, 1).copy())
