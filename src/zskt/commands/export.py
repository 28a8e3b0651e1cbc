"""`zskt export`: a student as a file to deploy, checked by running it."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zskt.comparison import check_fits
from zskt.data import load_data
from zskt.data.batches import normalise
from zskt.errors import UserError
from zskt.evaluation import accuracy
from zskt.exports.formats import ENDS, RUNNERS, WRITERS, Format, largest_difference
from zskt.exports.int8 import quantise
from zskt.exports.pixels import TOPS, FromPixels, Takes, as_taken
from zskt.model_file import Card, load, network_file, read_classifier_card, write_network
from zskt.networks.generator import Generator as DrawnBy

TOLERANCE = 1e-4


def export_command(
    run: Path,
    *,
    out: Path,
    format: Format | None = None,
    pixels: Takes = "normalised",
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
    if calibration_images < 1 or not tolerance > 0:
        raise UserError("--calibration-images and --tolerance must be above zero")
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
        student = FromPixels(network, card.mean, card.std, TOPS[pixels]).eval()
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
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise UserError(f"the student cannot be written as {form}: {reason}") from error
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
            drawn = as_taken(_drawn(run, calibration_images), card, pixels)
            quantise(draft, draft, drawn)
            difference = largest_difference(draft, form, student, images)
            print(f"with 8 bits: {difference:.1e} of the largest logit, on random images")
        if test is not None and form in RUNNERS:
            print(f"accuracy of the file: {test.accuracy_of_file(draft, form):.2%}")
    print(f"{out}: {out.stat().st_size / 1000:,.0f} kB, takes {pixels} images "
          f"{'x'.join(map(str, card.input_size))}, any batch")  # fmt: skip


def _about(card: Card, pixels: Takes) -> str:
    """What the file is to tell of itself, by the names of `zskt.teachers.found.Found`."""
    kept: dict[str, Any] = {"input_size": card.input_size, "class_names": card.class_names}
    kept |= {"pixels": pixels}
    kept |= {"mean": card.mean, "std": card.std} if pixels == "normalised" else {}
    return json.dumps(kept)


class _Test:
    """A test set as the file takes it."""

    def __init__(self, data: str, data_dir: Path, card: Card, pixels: Takes):
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


@torch.no_grad()
def _drawn(run: Path, count: int) -> Tensor:
    """Images of a run's generator."""
    file = run / "generator.safetensors"
    if not file.is_file():
        raise UserError(f"{run} has no generator to calibrate on; give the folder of a zskt run")
    generator = load(file)
    assert isinstance(generator, DrawnBy)
    noise = torch.randn(count, generator.noise_size, generator=torch.Generator().manual_seed(0))
    return torch.cat([generator(part) for part in noise.split(128)])
