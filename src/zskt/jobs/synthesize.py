"""`zskt synthesize`: images of a run, with what the teacher says of them."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from zskt.errors import UserError
from zskt.files import make_folder
from zskt.jobs import arguments as arg
from zskt.jobs.result import Result

if TYPE_CHECKING:
    from zskt.exports.image_files import Pixels, Shares


@dataclass
class Synthesized(Result):
    """Images that were written."""

    out: Path
    images: int
    counts: dict[str, int]
    """Images by the class that the teacher predicts."""


@arg.job
def synthesize(
    run: Path,
    *,
    out: Path,
    images: Annotated[int, Parameter(name=["--images", "-n"])] = 1000,
    seed: int = 0,
    teacher: arg.TeacherLike | None = None,
    allow_code: arg.AllowCode = False,
    overwrite: arg.Overwrite = False,
) -> Synthesized:
    """Draw images of a run, with what its teacher says of them, for quantisation and replay.

    Args:
        run: The folder of a zskt distill run.
        out: FILE.npz (as MedMNIST's, all in the train split), FILE.tar (webdataset), or a folder
            with one subfolder for each class.
        images: How many images.
        seed: For the draw.
        teacher: The run's teacher, if it has moved.

    Raises:
        UserError: if the run has nothing to draw images with, or the place is taken.
    """
    if images < 1 or seed < 0:
        raise UserError("`images` must be above zero and `seed` zero or above")
    if out.exists() and not (overwrite and out.is_file()):
        raise UserError(f"{out} exists; give another `out`" + (", or `overwrite`" * out.is_file()))
    make_folder(out.parent)

    import torch

    from zskt.images import as_taken
    from zskt.jobs.verdict import teacher_of_finished
    from zskt.model_file import read_card
    from zskt.runs.folder import STUDENT, RunFolder
    from zskt.runs.source import BATCH, known_source

    source = known_source(RunFolder(run))
    if (normalisation := read_card(run / STUDENT).normalisation) is None:
        raise UserError(
            f"{run} does not say how pixels are normalised; distil with `mean` and `std`"
        )
    taught = teacher_of_finished(run, teacher, allow_code=allow_code)
    drawn = source.images(images, seed)
    with torch.no_grad():
        logits = torch.cat([taught.network(part) for part in drawn.split(BATCH)])
    shares = logits.float().softmax(1)
    pixels = as_taken(drawn, normalisation, "0-255").round().to(torch.uint8)
    names = taught.card.class_names or tuple(str(number) for number in range(shares.shape[1]))
    _write(out, pixels, shares, names)
    counts = torch.bincount(shares.argmax(1), minlength=len(names)).tolist()
    return Synthesized(out, images, dict(zip(names, counts, strict=True)))


def _write(out: Path, pixels: Pixels, shares: Shares, names: tuple[str, ...]) -> None:
    """Write a draft beside the place, which becomes it if all goes well."""
    from zskt.exports.image_files import WRITERS, write_folder

    draft = out.with_name(f".{out.name}-draft")
    # A kill can have left one.
    shutil.rmtree(draft, ignore_errors=True)
    try:
        WRITERS.get(out.suffix, write_folder)(draft, pixels, shares, names)
        draft.replace(out)
    finally:
        draft.unlink() if draft.is_file() else shutil.rmtree(draft, ignore_errors=True)
