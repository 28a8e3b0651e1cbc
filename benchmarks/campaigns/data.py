"""Hostile labelled images: archives and folders."""

import io
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from campaigns.cases import Case, damaged, damages

NPZ = ("evaluate", "{base}/teacher.safetensors", "--teacher", "{base}/teacher.safetensors",
       "--data", "d.npz")  # fmt: skip
FOLDER = (*NPZ[:-1], "folder:d")
WORDS = {
    "train": ("train", "wrn-10-1", "--out", "o", "--steps", "1", "--batch-size", "2", "--data")
}
"""A command that learns from the same data."""
PARTS = ("train_images", "train_labels", "test_images", "test_labels")


def cases(base: Path, count: int) -> Iterator[Case]:
    """All that is listed, and so many damaged archives."""
    for number, (name, change) in enumerate(_changes().items()):
        words = NPZ if number % 2 else (*WORDS["train"], "d.npz")
        yield Case("npz", name, words, _npz(base, change))
    data = (base / "data.npz").read_bytes()
    for number, (kind, draw) in enumerate(damages(count, 3)):
        made = _bytes(lambda kind=kind, draw=draw: damaged(data, kind, draw))
        yield Case(
            "npz", f"{kind} {number}", NPZ if number % 2 else (*WORDS["train"], "d.npz"), made
        )
    for name, make in _archives().items():
        yield Case("npz", name, NPZ, make)
    for name, make in _folders().items():
        yield Case("image folder", name, FOLDER, make)
    for number, (kind, draw) in enumerate(damages(count, 4)):
        yield Case("image folder", f"{kind} {number}", FOLDER, _one_bad_image(kind, draw))


def _bytes(make: Callable[[], bytes]) -> Callable[[Path], int]:
    return lambda folder: (folder / "d.npz").write_bytes(make())


def _changes() -> dict[str, dict[str, Any]]:
    """Arrays in place of the good ones; None leaves one out."""
    found: dict[str, dict[str, Any]] = {}
    arrays: dict[str, Any] = {
        "float": np.zeros((20, 8, 8)),
        "nan": np.full(20, np.nan),
        "empty": np.zeros((0, 8, 8), np.uint8),
        "scalar": np.uint8(3),
        "texts": np.array(["a"] * 20),
        "bytes": np.array([b"a"] * 20),
        "complex": np.zeros(20, complex),
        "bool": np.zeros((20, 8, 8), bool),
        "missing": None,
        "no sides": np.zeros((20, 0, 0), np.uint8),
        "five": np.zeros((20, 8, 8, 2), np.uint8),
        "six dimensions": np.zeros((20, 1, 1, 1, 8, 8), np.uint8),
        "void": np.zeros(20, "V8"),
        "negative": -np.ones(20, np.int64),
        "huge": np.full(20, 2**62),
        "unsigned": np.full(20, 2**64 - 1, np.uint64),
        "dates": np.zeros(20, "M8[s]"),
        "records": np.zeros(20, [("a", "u1")]),
        "two": np.zeros((20, 2), np.int64),
        "other size": np.zeros((20, 9, 9), np.uint8),
        "many classes": np.arange(20) * 10**6,
        "thin": np.zeros((20, 1, 1), np.uint8),
        "fewer": np.zeros((3, 8, 8), np.uint8),
        "one label": np.zeros(1, int),
    }
    for part in PARTS:
        found |= {f"{part} {name}": {part: value} for name, value in arrays.items()}
    names = {
        "names number": np.uint8(5),
        "names two": np.array([["a"] * 10]),
        "names few": np.array(["a"]),
        "names none": np.array([]),
        "names odd": np.array(["\x00", "../x", "a" * 10_000] * 4),
        "names numbers": np.arange(10),
        "names same": np.array(["a"] * 10),
    }
    return found | {name: {"class_names": value} for name, value in names.items()}


def _npz(base: Path, change: dict[str, Any]) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        with np.load(base / "data.npz") as good:
            arrays = dict(good) | change
        kept = {name: value for name, value in arrays.items() if value is not None}
        np.savez(folder / "d.npz", **kept)

    return make


def _member(name: str, content: bytes) -> Callable[[Path], None]:
    """An archive with one member of other content."""

    def make(folder: Path) -> None:
        with zipfile.ZipFile(folder / "d.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)

    return make


def _bomb(
    shape: tuple[int, ...], written: int, name: str = "train_images"
) -> Callable[[Path], None]:
    """A member that tells of gigabytes, and has so many bytes of zeros."""

    def make(folder: Path) -> None:
        head = io.BytesIO()
        about = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(head, about)
        with (
            zipfile.ZipFile(
                folder / "d.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1
            ) as archive,
            archive.open(f"{name}.npy", "w", force_zip64=True) as member,
        ):
            member.write(head.getvalue())
            for _ in range(written // 2**24):
                member.write(bytes(2**24))

    return make


def _archives() -> dict[str, Callable[[Path], object]]:
    pickled = io.BytesIO()
    np.save(pickled, np.array([{}], dtype=object), allow_pickle=True)
    return {
        "text member": _member("train_images", b"hello"),
        "text npy": _member("train_images.npy", b"hello"),
        "empty member": _member("train_images.npy", b""),
        "folder member": _member("train_images/", b""),
        "up member": _member("../../train_images.npy", b""),
        "pickled": _member("train_images.npy", pickled.getvalue()),
        "no member": lambda folder: zipfile.ZipFile(folder / "d.npz", "w").close(),
        "header alone": _bomb((2**40, 8, 8), 0),
        "negative header": _bomb((-1, 8, 8), 0),
        "small bomb": _bomb((2**27, 8), 2**30, "unused"),
        "bomb": _bomb((2**27, 8), 2**30),
        "a text": lambda folder: (folder / "d.npz").write_text("hello"),
        "empty": lambda folder: (folder / "d.npz").touch(),
        "a folder": lambda folder: (folder / "d.npz").mkdir(),
        "missing": lambda folder: None,
        "a loop": lambda folder: (folder / "d.npz").symlink_to("d.npz"),
        "a pipe": lambda folder: os.mkfifo(folder / "d.npz"),
        "endless": lambda folder: (folder / "d.npz").symlink_to("/dev/zero"),
        "bare array": lambda folder: np.save((folder / "d.npz").open("wb"), np.zeros(3)),
    }


def _honest(folder: Path) -> Path:
    """A folder of images; returns one file of it."""
    from PIL import Image

    for part in ("train", "test"):
        for label in range(10):
            (folder / "d" / part / str(label)).mkdir(parents=True)
            image = Image.fromarray(np.full((8, 8), 20 * label, np.uint8))
            image.save(folder / "d" / part / str(label) / "a.png")
    return folder / "d" / "train" / "0" / "a.png"


def _one_bad_image(kind: str, draw: Any) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        file = _honest(folder)
        file.write_bytes(damaged(file.read_bytes(), kind, draw))

    return make


def _folders() -> dict[str, Callable[[Path], object]]:
    def besides(change: Callable[[Path], object]) -> Callable[[Path], None]:
        def make(folder: Path) -> None:
            change(_honest(folder))

        return make

    def picture(**settings: Any) -> Callable[[Path], None]:
        from PIL import Image

        mode, size = settings.get("mode", "L"), settings.get("size", (8, 8))
        return lambda file: Image.new(mode, size).save(
            file.with_suffix(settings.get("end", ".png"))
        )

    def over(file: Path, make: Callable[[Path], object]) -> None:
        file.unlink()
        make(file)

    return {
        "missing": lambda folder: None,
        "a file": lambda folder: (folder / "d").write_text("x"),
        "empty": lambda folder: (folder / "d").mkdir(),
        "a loop": lambda folder: (folder / "d").symlink_to("d"),
        "loop within": besides(lambda file: (file.parent / "up").symlink_to(file.parents[2])),
        "loop of loops": besides(
            lambda file: [(file.parent / str(n)).symlink_to(file.parents[1]) for n in range(20)]
        ),
        "pipe": besides(lambda file: os.mkfifo(file.with_name("b.png"))),
        "pipe instead": besides(lambda file: over(file, os.mkfifo)),
        "device": besides(lambda file: file.with_name("b.png").symlink_to("/dev/zero")),
        "dangling": besides(lambda file: file.with_name("b.png").symlink_to("nowhere.png")),
        "folder as image": besides(lambda file: file.with_name("b.png").mkdir()),
        "empty image": besides(lambda file: file.write_bytes(b"")),
        "text image": besides(lambda file: file.write_text("x")),
        "no right": besides(lambda file: file.chmod(0)),
        "other size": besides(picture(size=(9, 8))),
        "large": besides(picture(size=(20_000, 20_000))),
        "larger": besides(picture(size=(12_000, 12_000))),
        "16 bits": besides(picture(mode="I;16")),
        "palette": besides(picture(mode="P")),
        "cmyk": besides(picture(mode="CMYK", end=".jpg")),
        "float": besides(picture(mode="F", end=".tiff")),
        "extra class": besides(lambda file: (file.parents[1] / "x").mkdir()),
        "odd name": besides(lambda file: file.rename(file.with_name("\udcff.png"))),
        "no class": besides(lambda file: file.unlink()),
    }
