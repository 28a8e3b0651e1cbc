"""Labelled image data by name: `load_data("digits")`, `load_data("my_scans.npz")`."""

from pathlib import Path

from zskt.data.image_data import ImageData as ImageData
from zskt.data.image_data import Split as Split


def load_data(name: str, data_dir: Path = Path("data")) -> ImageData:
    from zskt.data.npz import read_npz

    return read_npz(Path(name))
