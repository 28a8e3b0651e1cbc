"""Images with what a teacher says of them, in the forms that other tools read."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from zskt.images import png

Pixels = UInt8[Tensor, "count channels height width"]
Shares = Float[Tensor, "count classes"]


def write_npz(out: Path, pixels: Pixels, shares: Shares, names: tuple[str, ...]) -> None:
    """As MedMNIST's: train_images (count, height, width[, 3]) and train_labels (count, 1)."""
    images = pixels.permute(0, 2, 3, 1).numpy()
    with out.open("wb") as file:
        np.savez_compressed(
            file,
            train_images=images[..., 0] if images.shape[-1] == 1 else images,
            train_labels=shares.argmax(1, keepdim=True).numpy(),
            train_probabilities=shares.numpy(),
            class_names=np.array(names),
        )


def write_tar(out: Path, pixels: Pixels, shares: Shares, names: tuple[str, ...]) -> None:
    """As webdataset reads: NUMBER.png, NUMBER.cls and NUMBER.json with the probabilities."""
    with tarfile.open(out, "w") as tar:
        for number, (image, of_each) in enumerate(zip(pixels, shares, strict=True)):
            label = int(of_each.argmax())
            facts = {"probabilities": of_each.tolist(), "class_name": names[label]}
            cls, about = str(label).encode(), json.dumps(facts).encode()
            for end, content in {"png": png(image), "cls": cls, "json": about}.items():
                entry = tarfile.TarInfo(f"{number:06d}.{end}")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))


def write_folder(out: Path, pixels: Pixels, shares: Shares, names: tuple[str, ...]) -> None:
    """train/CLASS/NUMBER.png, and probabilities.json by the name of the file."""
    folders = [name.replace("/", "-") for name in names]
    if len(set(folders)) < len(folders):
        folders = [f"{number}-{name}" for number, name in enumerate(folders)]
    shares_of = {}
    for number, (image, of_each) in enumerate(zip(pixels, shares, strict=True)):
        name = folders[int(of_each.argmax())]
        file = out / "train" / name / f"{number:06d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(image))
        shares_of[f"train/{name}/{file.name}"] = of_each.tolist()
    text = json.dumps({"classes": names, "images": shares_of}) + "\n"
    (out / "probabilities.json").write_text(text)


Writer = Callable[[Path, Pixels, Shares, tuple[str, ...]], None]
WRITERS: dict[str, Writer] = {".npz": write_npz, ".tar": write_tar}
"""By the end of a file's name; any other name is that of a folder."""
