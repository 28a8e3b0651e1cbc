"""`zskt export`: a student as a file to deploy, checked by running it."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zskt.errors import UserError, first_line
from zskt.exports.names import ENDS, Format
from zskt.files import make_folder
from zskt.jobs import arguments as arg
from zskt.jobs.result import Result
from zskt.teachers.options import Pixels

if TYPE_CHECKING:
    from torch import Tensor, nn

    from zskt.data import ImageData
    from zskt.model_file import Card

TOLERANCE, HALF_TOLERANCE = 1e-4, 1e-2
"""Largest difference from the student; 16 bits allow no closer numbers than the second."""


@dataclass
class Exported(Result):
    """A file to deploy."""

    out: Path
    bytes: int
    takes: str
    """What it takes, in words."""
    difference: float
    """Largest from the student, as a share of the student's largest logit."""
    difference_8_bits: float | None = None
    """The same of 8 bits, on random images."""
    student_accuracy: float | None = None
    """On the test set, 0 to 1."""
    file_accuracy: float | None = None


@arg.job
def export(
    run: Path,
    *,
    out: Path,
    format: Format | None = None,
    pixels: Pixels = "normalised",
    int8: bool = False,
    calibration_images: int = 512,
    half: bool = False,
    tolerance: float = TOLERANCE,
    data: arg.Data | None = None,
    data_dir: arg.DataDir = Path("data"),
    allow_code: arg.AllowCode = False,
    overwrite: arg.Overwrite = False,
) -> Exported:
    """Write a student as a file to deploy, checked by running it.

    Args:
        run: A run folder or a model file.
        out: The file to write.
        format: safetensors, onnx, pt2 or torchscript; by default told by the end of the file's
            name.
        pixels: What the file is to take: normalised images, or pixels, the normalisation being
            folded in.
        int8: 8 bits for CPUs (ONNX only), calibrated on the images of the run.
        calibration_images: How many of them.
        half: Store 16 bits (safetensors only), for which the tolerance is at least 1e-2.
        tolerance: Largest difference from the student, as a share of the largest logit, above which
            the file is refused; 8 bits are told, not refused.
        data: A test set to judge the student and the file on.

    Raises:
        UserError: if what is asked does not fit the format or the place, the student cannot be
            written so, or the file says something else than the student; nothing is written then.
    """
    form = _checked(out, format, pixels=pixels, int8=int8, half=half, overwrite=overwrite)
    if calibration_images < 1 or not tolerance > 0:
        raise UserError("`calibration_images` and `tolerance` must be above zero")

    from zskt.exports.formats import largest_difference
    from zskt.exports.int8 import quantise
    from zskt.jobs.loading import data_of, own_network
    from zskt.runs.folder import RunFolder
    from zskt.runs.source import known_source

    source = known_source(RunFolder(run)) if int8 else None
    network, card, file = own_network(run, allow_code=allow_code)
    if pixels != "normalised" and card.mean is None:
        raise UserError(f"{file} does not say how its images are normalised; leave `pixels` out")
    test = None if data is None else _Test(data_of(data, data_dir), card, pixels)
    student = _taking(network, card, pixels)
    images = _as_taken(card, pixels, 7)
    exported = Exported(out, 0, f"{pixels} images {'x'.join(map(str, card.input_size))}", 0.0)
    with _kept(out) as draft:
        exported.difference = _write(draft, form, network, student, card, pixels, images, half)
        allowed = max(tolerance, HALF_TOLERANCE) if half else tolerance
        if not exported.difference <= allowed:
            raise UserError(
                f"the {form} file is {exported.difference:.1e} from the student, above the "
                f"tolerance of {allowed:.0e}; nothing was written"
            )
        if source is not None:
            drawn = source.images(calibration_images, seed=0)
            quantise(draft, draft, _as_taken(card, pixels, drawn))
            exported.difference_8_bits = largest_difference(draft, form, student, images)
        if test is not None:
            exported.student_accuracy = test.accuracy(student)
            exported.file_accuracy = test.accuracy_of_file(draft, form)
        exported.bytes = draft.stat().st_size
    return exported


def _checked(
    out: Path, format: Format | None, *, pixels: Pixels, int8: bool, half: bool, overwrite: bool
) -> Format:
    """The format; or a `UserError` if what is asked does not fit it or the place."""
    form = format or next((name for name, end in ENDS.items() if out.suffix == end), None)
    if form is None:
        raise UserError(f"{out.name} does not tell a format; give `format`")
    if out.exists() and not overwrite:
        raise UserError(f"{out} exists; replace it with `overwrite` or give another `out`")
    if form == "safetensors" and (pixels != "normalised" or int8):
        raise UserError("safetensors hold the network alone; leave `pixels` and `int8` out")
    if half and form != "safetensors":
        raise UserError("`half` is for `format` safetensors; leave it out")
    if int8 and form != "onnx":
        raise UserError("`int8` is for `format` onnx; leave it out")
    make_folder(out.parent)
    return form


def _taking(network: nn.Module, card: Card, pixels: Pixels) -> nn.Module:
    """The network with the normalisation folded in, where the file is to take pixels."""
    from zskt.images import Translated, normalisation_of_pixels

    if pixels == "normalised":
        return network
    given = normalisation_of_pixels(pixels, card.input_size[0])
    return Translated(network, own=card.known_normalisation(), given=given).eval()


def _as_taken(card: Card, pixels: Pixels, images: Tensor | int) -> Tensor:
    """Normalised images, or so many random ones, as the file takes them."""
    import torch

    from zskt.images import as_taken

    drawn = torch.randn(images, *card.input_size) if isinstance(images, int) else images
    return drawn if pixels == "normalised" else as_taken(drawn, card.known_normalisation(), pixels)


def _write(
    draft: Path,
    form: Format,
    network: nn.Module,
    student: nn.Module,
    card: Card,
    pixels: Pixels,
    images: Tensor,
    half: bool,
) -> float:
    """Write the file; returns its largest difference from the student."""
    import torch

    from zskt.exports.formats import WRITERS, largest_difference
    from zskt.model_file import load, write_network

    if form == "safetensors":
        write_network(draft, network, card, half=half)
        with torch.no_grad():
            logits, expected = load(draft, allow_code=True)(images), network(images)
        return float((logits - expected).abs().max() / expected.abs().max().clamp_min(1e-6))
    try:
        WRITERS[form](draft, student, images[:3], _about(card, pixels))
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"cannot write it as {form}: {first_line(error)}") from error
    return largest_difference(draft, form, student, images)


def _about(card: Card, pixels: Pixels) -> str:
    """What the file is to tell of itself, by the names of `zskt.teachers.loaded.LoadedNetwork`."""
    kept: dict[str, Any] = {"input_size": card.input_size, "class_names": card.class_names}
    kept |= {"pixels": pixels}
    kept |= {"mean": card.mean, "std": card.std} if pixels == "normalised" else {}
    return json.dumps(kept)


class _Test:
    """A test set as the file takes it."""

    def __init__(self, images: ImageData, card: Card, pixels: Pixels):
        from zskt.images import TOPS
        from zskt.measure.contenders import check_fits, in_classes_of

        split = in_classes_of(images, card).test
        check_fits(split, card)
        self.labels = split.labels
        if pixels != "normalised":
            self.images = split.images.float() / 255 * TOPS[pixels]
            return
        self.images = card.known_normalisation().normalised(split.images)

    def accuracy(self, network: nn.Module) -> float:
        """Of a network."""
        import torch

        from zskt.measure.accuracy import accuracy

        with torch.no_grad():
            logits = torch.cat([network(part) for part in self.images.split(500)])
        return accuracy(logits, self.labels)

    def accuracy_of_file(self, file: Path, form: Format) -> float | None:
        """Of a file; None of safetensors, which hold the network alone."""
        import torch

        from zskt.exports.formats import RUNNERS
        from zskt.measure.accuracy import accuracy

        if form not in RUNNERS:
            return None
        logits = [RUNNERS[form](file, part) for part in self.images.split(500)]
        return accuracy(torch.cat(logits), self.labels)


@contextmanager
def _kept(out: Path) -> Generator[Path]:
    """A file beside the one to write, which becomes it if all goes well."""
    draft = out.with_name(f".{out.stem}-draft{out.suffix}")
    try:
        yield draft
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
