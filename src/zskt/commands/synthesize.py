"""`zskt synthesize`: images of a run's generator, with what the teacher says of them."""

import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from cyclopts import Parameter
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from zskt.commands.finished_run import BATCH, drawn, generator_of, teacher_of
from zskt.errors import UserError
from zskt.exports.pixels import as_taken
from zskt.model_file import read_card

Pixels = UInt8[Tensor, "count channels height width"]
Shares = Float[Tensor, "count classes"]


def synthesize_command(
    run: Path,
    *,
    out: Path,
    n: Annotated[int, Parameter(name=["-n", "--images"])] = 1000,
    seed: int = 0,
    teacher: str | None = None,
    allow_code: bool = False,
    overwrite: bool = False,
) -> None:
    """Draw images with a run's generator, for quantisation tools and replay.

    Args:
        run: the folder of a zskt distill run.
        out: FILE.npz (as MedMNIST's, all in the train split), FILE.tar (webdataset), or a folder
            with one subfolder for each class.
        n: how many images.
        seed: for the noise.
        teacher: the run's teacher, if it has moved.
        allow_code: run the code that made the teacher, where it is the user's.
        overwrite: replace the file.
    """
    if n < 1 or seed < 0:
        raise UserError("-n must be above zero and --seed zero or above")
    if out.exists() and not (overwrite and out.is_file()):
        raise UserError(f"{out} exists; give another --out" + (", or --overwrite" * out.is_file()))
    if not out.parent.is_dir():
        raise UserError(f"there is no folder {out.parent}; make it first")
    file = generator_of(run)
    card = read_card(file)
    if card.mean is None:
        raise UserError(
            f"{run} does not say how pixels are normalised; distil with --mean and --std"
        )
    taught = teacher_of(run, teacher, allow_code=allow_code)
    images = drawn(file, n, seed)
    with torch.no_grad():
        shares = torch.cat([taught.network(it).float().softmax(1) for it in images.split(BATCH)])
    pixels = as_taken(images, card, "0-255").round().to(torch.uint8)
    names = taught.card.class_names or tuple(str(number) for number in range(shares.shape[1]))
    writers = {".npz": write_npz, ".tar": write_tar}
    draft = out.with_name(f".{out.name}-draft")
    # A kill can have left one.
    shutil.rmtree(draft, ignore_errors=True)
    try:
        writers.get(out.suffix, write_folder)(draft, pixels, shares, names)
        draft.replace(out)
    finally:
        draft.unlink() if draft.is_file() else shutil.rmtree(draft, ignore_errors=True)
    counts = torch.bincount(shares.argmax(1), minlength=len(names)).tolist()
    told = ", ".join(f"{name} {count}" for name, count in zip(names, counts, strict=True))
    print(f"{out}: {n} images, by the teacher's prediction: {told}")


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
            told = {"probabilities": of_each.tolist(), "class_name": names[int(of_each.argmax())]}
            parts = {
                "png": png(image),
                "cls": str(int(of_each.argmax())).encode(),
                "json": json.dumps(told).encode(),
            }
            for end, content in parts.items():
                entry = tarfile.TarInfo(f"{number:06d}.{end}")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))


def write_folder(out: Path, pixels: Pixels, shares: Shares, names: tuple[str, ...]) -> None:
    """train/CLASS/NUMBER.png, and probabilities.json by the name of the file."""
    folders = [name.replace("/", "-") for name in names]
    if len(set(folders)) < len(folders):
        folders = [f"{number}-{name}" for number, name in enumerate(folders)]
    told = {}
    for number, (image, of_each) in enumerate(zip(pixels, shares, strict=True)):
        name = folders[int(of_each.argmax())]
        file = out / "train" / name / f"{number:06d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(image))
        told[f"train/{name}/{file.name}"] = of_each.tolist()
    (out / "probabilities.json").write_text(json.dumps({"classes": names, "images": told}) + "\n")


def png(image: UInt8[Tensor, "channels height width"]) -> bytes:
    """An image as a PNG file."""
    array = image.permute(1, 2, 0).numpy()
    buffer = io.BytesIO()
    Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array).save(buffer, "PNG")
    return buffer.getvalue()
