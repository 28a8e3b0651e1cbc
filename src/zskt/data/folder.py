"""Data as an image folder: `train/CLASS/*.png` and `test/CLASS/*.png` (or `val/`)."""

import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.datasets.folder import IMG_EXTENSIONS

from zskt.data.image_data import ImageData, Split, image_data
from zskt.errors import UserError

GREY_MODES = ("1", "L", "LA")


def read_folder(path: Path) -> ImageData:
    """Read every image into memory; all must have the size of the first and the same classes.

    Grey images give one channel if all are grey, else everything becomes three.
    """
    test_part = next((part for part in ("test", "val") if (path / part).is_dir()), None)
    if not (path / "train").is_dir() or test_part is None:
        raise UserError(f"{path} must hold the folders train/ and test/ (or val/)")
    train, test = (_listed(path / part) for part in ("train", test_part))
    if odd := sorted(train.keys() ^ test.keys()):
        raise UserError(f"{path}: class folder {odd[0]} is not in both train/ and {test_part}/")
    samples = [
        [(file, label) for label, files in enumerate(part.values()) for file in files]
        for part in (train, test)
    ]
    images = {file: _pixels(file) for part in samples for file, _ in part}
    if not images:
        raise UserError(f"{path} holds no image in a folder of a class; see `zskt list`")
    first, size = next((file, pixels.shape[:2]) for file, pixels in images.items())
    for file, pixels in images.items():
        if pixels.shape[:2] != size:
            raise UserError(f"{file} is not of the size of {first}; make all sizes equal")
    grey = all(pixels.ndim == 2 for pixels in images.values())
    splits = (
        Split(
            torch.stack([_tensor(images[file], grey) for file, _ in part]),
            torch.tensor([label for _, label in part]),
        )
        for part in samples
    )
    return image_data(*splits, tuple(train), flips=False)


def _listed(part: Path) -> dict[str, list[Path]]:
    """The files of images by their class, both in the order of their names.

    Links to folders are not followed: they can lead round and round.
    """
    found = {}
    for folder in sorted(each for each in part.iterdir() if each.is_dir()):
        files = [Path(place, name) for place, _, names in os.walk(folder) for name in names]
        found[folder.name] = sorted(file for file in files if file.suffix.lower() in IMG_EXTENSIONS)
        if not found[folder.name]:
            raise UserError(f"{folder} holds no image; put some there, or remove it")
    return found


def _pixels(file: Path) -> np.ndarray:
    """(height, width) of a grey image, (height, width, 3) of any other."""
    if not file.is_file():
        raise UserError(f"{file} is no file; remove it")
    try:
        with Image.open(file) as image:
            if image.mode.startswith(("I", "F")):
                raise UserError(f"{file} has more than 8 bits per pixel; save it with 8")
            return np.array(image.convert("L" if image.mode in GREY_MODES else "RGB"))
    except UserError:
        raise
    except Exception as error:
        # Damaged images raise errors of many kinds; one that unpacks to gigabytes has its own.
        raise UserError(f"{file} is no whole image; remove it or make it anew") from error


def _tensor(pixels: np.ndarray, grey: bool) -> torch.Tensor:
    """(channels, height, width)."""
    if grey:
        return torch.from_numpy(pixels[None])
    coloured = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
    return torch.from_numpy(coloured.transpose(2, 0, 1).copy())
