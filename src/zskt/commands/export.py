"""`zskt export`: a student as a file to deploy, checked by running it."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zskt.commands.finished_run import drawn, generator_of
from zskt.comparison import check_fits
from zskt.data import load_data
from zskt.data.batches import normalise
from zskt.errors import UserError, first_line
from zskt.evaluation import Normalisation, Translated, accuracy
from zskt.exports.formats import ENDS, RUNNERS, WRITERS, Format, largest_difference
from zskt.exports.int8 import quantise
from zskt.exports.pixels import as_taken
from zskt.model_file import Card, load, network_file, read_classifier_card, write_network
from zskt.teachers.found import TOPS, Pixels, normalisation_of_pixels

TOLERANCE = 1e-4


def export_command(
    run: Path,
    *,
    out: Path,
    format: Format | None = None,
    pixels: Pixels = "normalised",
    int8: bool = False,
    calibration_images: int = 512,
    half: bool = False,
    tolerance: float = TOLERANCE,
    data: str | None = None,
    data_dir: Path = Path("data"),
    allow_code: bool = False,
    overwrite: bool = False,
) -> None:
    """Write a student as a file to deploy, and check it by running it.

    Args:
        run: a run folder or a model file.
        out: the file to write.
        format: safetensors, onnx, pt2 or torchscript; by default told by the end of the file's
            name.
        pixels: what the file is to take: normalised images, or pixels, the normalisation being
            folded in.
        int8: 8 bits for CPUs (ONNX only), calibrated on the images of the run's generator.
        calibration_images: how many of them.
        half: store 16 bits (safetensors only), for which the tolerance is at least 1e-2.
        tolerance: largest difference from the student, as a share of the largest logit, above which
            the file is refused; 8 bits are told, not refused.
        data: a test set to judge the student and the file on.
        data_dir: where public data sets lie.
        allow_code: run the code that made the student, if it was a factory of the user's.
        overwrite: replace the file.
    """
    form = _checked(out, format, pixels=pixels, int8=int8, half=half, overwrite=overwrite)
    if calibration_images < 1 or not tolerance > 0:
        raise UserError("--calibration-images and --tolerance must be above zero")
    calibrated_by = generator_of(run) if int8 else run
    file = network_file(run)
    card = read_classifier_card(file)
    if pixels != "normalised" and card.mean is None:
        raise UserError(f"{file} does not say how its images are normalised; leave --pixels out")
    network = load(file, allow_code=allow_code)
    test = _Test(data, data_dir, card, pixels) if data is not None else None
    student = network
    if pixels != "normalised":
        assert card.mean
        assert card.std
        given = normalisation_of_pixels(pixels, card.input_size[0])
        student = Translated(network, own=Normalisation(card.mean, card.std), given=given).eval()
    images = as_taken(torch.randn(7, *card.input_size), card, pixels)
    with _kept(out) as draft:
        if form == "safetensors":
            write_network(draft, network, card, half=half)
            difference = _safetensors_difference(draft, network, images, allow_code=allow_code)
        else:
            try:
                WRITERS[form](draft, student, images[:3], _about(card, pixels))
            except UserError:
                raise
            except Exception as error:
                raise UserError(f"cannot write it as {form}: {first_line(error)}") from error
            difference = largest_difference(draft, form, student, images)
        # Half of the numbers cannot be closer than 16 bits allow.
        allowed = max(tolerance, 1e-2) if half else tolerance
        if not difference <= allowed:
            raise UserError(
                f"the {form} file is {difference:.1e} from the student, above the tolerance of "
                f"{allowed:.0e}; nothing was written"
            )
        print(f"largest difference from the student: {difference:.1e} of its largest logit")
        if test is not None:
            print(f"accuracy of the student: {test.accuracy(student):.2%}")
        if int8:
            calibrating = as_taken(drawn(calibrated_by, calibration_images), card, pixels)
            quantise(draft, draft, calibrating)
            difference = largest_difference(draft, form, student, images)
            print(f"with 8 bits: {difference:.1e} of the largest logit, on random images")
        if test is not None and form in RUNNERS:
            print(f"accuracy of the file: {test.accuracy_of_file(draft, form):.2%}")
    print(f"{out}: {out.stat().st_size / 1000:,.0f} kB, takes {pixels} images "
          f"{'x'.join(map(str, card.input_size))}, any batch")  # fmt: skip


def _checked(
    out: Path, format: Format | None, *, pixels: Pixels, int8: bool, half: bool, overwrite: bool
) -> Format:
    """The format; or a `UserError` if what is asked does not fit it or the place."""
    form = format or next((name for name, end in ENDS.items() if out.suffix == end), None)
    if form is None:
        raise UserError(f"{out.name} does not tell a format; give --format")
    if out.exists() and not overwrite:
        raise UserError(f"{out} exists; replace it with --overwrite or give another --out")
    if not out.parent.is_dir():
        raise UserError(f"there is no folder {out.parent}; make it first")
    if form == "safetensors" and (pixels != "normalised" or int8):
        raise UserError("safetensors hold the network alone; leave --pixels and --int8 out")
    if half and form != "safetensors":
        raise UserError("--half is for --format safetensors; leave it out")
    if int8 and form != "onnx":
        raise UserError("--int8 is for --format onnx; leave it out")
    return form


def _about(card: Card, pixels: Pixels) -> str:
    """What the file is to tell of itself, by the names of `zskt.teachers.found.Found`."""
    kept: dict[str, Any] = {"input_size": card.input_size, "class_names": card.class_names}
    kept |= {"pixels": pixels}
    kept |= {"mean": card.mean, "std": card.std} if pixels == "normalised" else {}
    return json.dumps(kept)


class _Test:
    """A test set as the file takes it."""

    def __init__(self, data: str, data_dir: Path, card: Card, pixels: Pixels):
        split = load_data(data, data_dir).test
        check_fits(split, card)
        self.labels = split.labels
        if pixels != "normalised":
            self.images = split.images.float() / 255 * TOPS[pixels]
            return
        if card.mean is None or card.std is None:
            raise UserError("the student's normalisation is not known; leave --data out")
        self.images = normalise(split.images, card.mean, card.std)

    @torch.no_grad()
    def accuracy(self, network: nn.Module) -> float:
        """Of a network."""
        return accuracy(torch.cat([network(part) for part in self.images.split(500)]), self.labels)

    def accuracy_of_file(self, file: Path, form: str) -> float:
        """Of a file."""
        said = [RUNNERS[form](file, part) for part in self.images.split(500)]
        return accuracy(torch.cat(said), self.labels)


@contextmanager
def _kept(out: Path) -> Generator[Path]:
    """A file beside the one to write, which becomes it if all goes well."""
    draft = out.with_name(f".{out.stem}-draft{out.suffix}")
    try:
        yield draft
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)


def _safetensors_difference(
    file: Path, network: nn.Module, images: Tensor, *, allow_code: bool
) -> float:
    with torch.no_grad():
        said, wanted = load(file, allow_code=allow_code)(images), network(images)
    return float((said - wanted).abs().max() / wanted.abs().max().clamp_min(1e-6))
