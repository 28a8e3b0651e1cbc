"""Letters in many typefaces and colours, as images of any size, for teachers of larger images.

    uv run python benchmarks/drawn_letters.py --side 64 --out letters-64.npz

The typefaces come with matplotlib. The test split is of typefaces that the training split has not.
One seed makes the same file on every machine with the same versions.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFilter, ImageFont

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
TYPEFACES = {
    "train": ("DejaVuSans", "DejaVuSans-Oblique", "DejaVuSansMono-Bold", "DejaVuSerif",
              "DejaVuSerif-BoldItalic", "STIXGeneral", "STIXGeneralBolIta", "cmb10", "cmss10"),
    "test": ("DejaVuSans-Bold", "DejaVuSerif-Italic", "STIXGeneralBol", "cmr10"),
}  # fmt: skip


def letter(random: np.random.Generator, name: str, typeface: Path, side: int) -> np.ndarray:
    """A letter on a background that fades from one colour to another, turned and moved."""
    ramp = np.linspace(0, 1, side)[:, None, None]
    first, second, ink = random.uniform(0, 255, (3, 3))
    # Ink that can be told from both ends of the background.
    while min(abs(ink.mean() - first.mean()), abs(ink.mean() - second.mean())) < 50:
        first, second, ink = random.uniform(0, 255, (3, 3))
    ground = np.broadcast_to(first + (second - first) * ramp, (side, side, 3))
    ground = np.rot90(ground, int(random.integers(4))).astype(np.uint8)
    font = ImageFont.truetype(typeface, round(side * random.uniform(0.5, 0.8)))
    mask = Image.new("L", (side, side))
    place = tuple(side * (0.5 + random.uniform(-0.1, 0.1, 2)))
    ImageDraw.Draw(mask).text(place, name, 255, font, anchor="mm")
    mask = mask.rotate(random.uniform(-20, 20), Image.Resampling.BILINEAR)
    mask = mask.filter(ImageFilter.GaussianBlur(side / 64 * random.uniform(0, 1)))
    drawn = Image.composite(
        Image.new("RGB", mask.size, tuple(int(each) for each in ink)), Image.fromarray(ground), mask
    )
    noise = random.normal(0, 8, (side, side, 3))
    return (np.asarray(drawn) + noise).clip(0, 255).astype(np.uint8)


def split(kind: str, count: int, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels, as many of every letter and typeface as there is room for."""
    random = np.random.default_rng([side, count, len(kind)])
    folder = Path(get_data_path()) / "fonts" / "ttf"
    labels = np.arange(count) % len(LETTERS)
    faces = [folder / f"{name}.ttf" for name in TYPEFACES[kind]]
    images = [
        letter(random, LETTERS[label], faces[number // len(LETTERS) % len(faces)], side)
        for number, label in enumerate(labels)
    ]
    return np.stack(images), labels[:, None].astype(np.uint8)


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=64, help="pixels")
    parser.add_argument("--train", type=int, default=7800, help="images")
    parser.add_argument("--test", type=int, default=1040, help="images")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args(words)


def main() -> None:
    """Write the file."""
    asked = arguments()
    made = {}
    for kind, count in (("train", asked.train), ("test", asked.test)):
        made[f"{kind}_images"], made[f"{kind}_labels"] = split(kind, count, asked.side)
    np.savez(asked.out, **made, class_names=np.array(list(LETTERS)))


if __name__ == "__main__":
    main()
