"""Transition curves on disk: the curves, two pictures and the result in one folder.

curves.npz    student, teacher (images, targets, steps); index, start, targets: see `Starts`
beliefs.png   both networks' mean curves
single.png    curves of single images
result.json   the result, when all else is written
"""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float
from torch import Tensor

from zskt.beliefs.starts import Starts
from zskt.data import Split
from zskt.errors import UserError
from zskt.files import write_atomically
from zskt.pictures.beliefs import mean_curves, single_curves
from zskt.pictures.style import house_style, save_figure

CURVES = "curves.npz"
RESULT = "result.json"
LEFT = (CURVES, "beliefs.png", "single.png", RESULT)
SINGLE_IMAGES = 4


def check_folder(out: Path, *, overwrite: bool) -> None:
    """Raise a `UserError` if the folder holds what may not be replaced."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file; give --out a folder that is new or empty")
    # A kill can leave a temporary file, whose name starts with a dot.
    names = {file.name for file in out.iterdir() if file.name[0] != "."} if out.exists() else set()
    # A result.json without curves is that of something else.
    if names and not {CURVES} <= names <= set(LEFT):
        raise UserError(f"{out} holds other files; give --out a new or empty folder")
    if names and not overwrite:
        raise UserError(
            f"{out} already holds curves; replace them with --overwrite or give another --out"
        )


def make_folder(out: Path) -> None:
    """Make the folder, before the long work: a place that cannot be written must show early."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot write to {out}: {error.strerror}; give another --out") from error


def write_curves(
    out: Path,
    split: Split,
    starts: Starts,
    curves: Mapping[str, Float[Tensor, "images targets steps"]],
    title: str,
    shown_steps: int,
) -> None:
    """Write all but the result, which is removed: without it the folder was cut short.

    Args:
        out: the folder.
        split: whose images were stepped.
        starts: which of them, and where to.
        curves: of the `student` and of the `teacher`.
        title: for the picture of the mean curves.
        shown_steps: how many steps the pictures show.
    """
    arrays = {role: of.float().numpy() for role, of in curves.items()}
    arrays |= {name: of.numpy() for name, of in vars(starts).items()}
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    (out / RESULT).unlink(missing_ok=True)
    write_atomically(out / CURVES, packed.getvalue())
    with house_style():
        save_figure(out / "beliefs.png", mean_curves(curves, title, shown_steps))
        images = split.images[starts.index[:SINGLE_IMAGES]]
        save_figure(out / "single.png", single_curves(curves, images, starts.start, shown_steps))
