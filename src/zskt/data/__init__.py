"""Labelled image data by name: `load_data("digits")`, `load_data("scans.npz")`.

Data is for teachers and for judging; distillation needs none.
"""

from pathlib import Path

from zskt.data.image_data import ImageData as ImageData
from zskt.data.image_data import Split as Split
from zskt.data.image_data import balanced_subset as balanced_subset
from zskt.data.names import DATA as DATA
from zskt.data.names import PUBLIC
from zskt.errors import unknown


def load_data(name: str, data_dir: str | Path = "data", *, download: bool = True) -> ImageData:
    """Read a data set into memory.

    Args:
        name: a key of `DATA`, with a real path where it has PATH or FILE.
        data_dir: where the public sets lie or are downloaded to.
        download: whether they may be.

    Raises:
        UserError: if the name is unknown, or files are missing, damaged or of the wrong form.
    """
    name = str(name)
    # The readers need libraries that are slow to import; each comes with its own data only.
    if name == "digits":
        from zskt.data.digits import read_digits

        return read_digits()
    if name in PUBLIC:
        from zskt.data.public import read_public

        return read_public(name, Path(data_dir), download=download)
    if name.startswith("folder:"):
        from zskt.data.folder import read_folder

        return read_folder(Path(name.removeprefix("folder:")))
    if name.endswith(".npz"):
        from zskt.data.npz import read_npz

        return read_npz(Path(name))
    raise unknown("data", name, DATA)
