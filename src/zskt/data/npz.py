"""Data as one .npz in the MedMNIST convention, the form that private images travel in."""

from pathlib import Path
from zipfile import ZipFile

import numpy as np
import torch

from zskt.data.image_data import ImageData, Split, image_data
from zskt.errors import UserError

MOST_BYTES, MOST_TIMES = 2**29, 100
"""A member larger than the first may not be so many times larger than it was packed."""
REQUIRED = ("train_images", "train_labels", "test_images", "test_labels")


def read_npz(path: Path) -> ImageData:
    """Read `train_images`, `train_labels`, `test_images`, `test_labels`, optional `class_names`.

    Images are uint8, (count, height, width) or (count, height, width, channels); labels are
    integers, (count,) or (count, 1). `val_*` arrays may be there and are not used.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"{path} is no file; give an .npz")
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            _check_sizes(path, file.zip)
            arrays = {key: file[key] for key in file.files if key in (*REQUIRED, "class_names")}
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"there is no data file {path}; check the path") from error
    except (OSError, ValueError, EOFError, AttributeError) as error:
        raise UserError(f"{path} is no whole .npz without pickles; make it anew") from error
    except Exception as error:  # zipfile and zlib raise their own kinds for damaged archives
        raise UserError(f"{path} is damaged ({error}); make it anew") from error
    if strange := [key for key, value in arrays.items() if not isinstance(value, np.ndarray)]:
        raise UserError(f"{strange[0]} in {path} is no array; save it with numpy.savez")
    if missing := [key for key in REQUIRED if key not in arrays]:
        raise UserError(
            f"{path} lacks {', '.join(missing)}; it needs {', '.join(REQUIRED)} "
            f"(it has {', '.join(arrays) or 'nothing'})"
        )
    train, test = (_split(arrays, part, path) for part in ("train", "test"))
    if "class_names" in arrays:
        if arrays["class_names"].ndim != 1:
            raise UserError(f"class_names in {path} must be a list of names")
        names = tuple(str(name) for name in arrays["class_names"])
    else:
        highest = max((int(split.labels.max()) for split in (train, test) if len(split)), default=0)
        if highest >= len(train):
            raise UserError(
                f"the labels in {path} go up to {highest} with {len(train)} training images; "
                "labels must count classes from 0"
            )
        names = tuple(str(label) for label in range(highest + 1))
    # What the images show is not known, so mirror images are not taken for granted.
    return image_data(train, test, names, flips=False)


def _check_sizes(path: Path, archive: ZipFile) -> None:
    """Refuse an archive that is small on the disk and would fill the memory."""
    for member in archive.infolist():
        if member.file_size > MOST_BYTES and member.file_size > MOST_TIMES * member.compress_size:
            raise UserError(
                f"{member.filename} in {path} unpacks to {member.file_size / 1e9:.1f} GB from "
                f"{member.compress_size / 1e6:.1f} MB, as no images do; do not trust it"
            )


def _split(arrays: dict[str, np.ndarray], part: str, path: Path) -> Split:
    images = _images(arrays[f"{part}_images"], f"{part}_images in {path}")
    labels = _labels(arrays[f"{part}_labels"], f"{part}_labels in {path}")
    if len(images) != len(labels):
        raise UserError(
            f"{path} has {len(images)} {part} images but {len(labels)} labels; "
            "give one label for each image"
        )
    return Split(images, labels)


def _images(array: np.ndarray, what: str) -> torch.Tensor:
    if array.dtype != np.uint8:
        raise UserError(f"{what} is {array.dtype}; save pixels as uint8 from 0 to 255")
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or array.shape[-1] not in (1, 3):
        raise UserError(
            f"{what} has shape {array.shape}; it must be (count, height, width) "
            "or (count, height, width, 1 or 3)"
        )
    return torch.from_numpy(array).permute(0, 3, 1, 2).contiguous()


def _labels(array: np.ndarray, what: str) -> torch.Tensor:
    if array.dtype.kind not in "iu" or array.ndim not in (1, 2) or array[:1].size > 1:
        raise UserError(
            f"{what} is {array.dtype} of shape {array.shape}; it must be integers (count, 1)"
        )
    return torch.from_numpy(array.reshape(-1).astype(np.int64))
