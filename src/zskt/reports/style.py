"""The look that all pictures share, and how they reach the disk."""

import io
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from zskt.files import write_atomically

STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
INK = {"teacher": "#3a3a3a", "student": "#1f5fa8", "further": "#c44e2b", "agreement": "#3b8a4f"}
"""One colour for one thing, in every picture."""


@contextmanager
def house_style() -> Generator[None]:
    """Figures made within look alike."""
    with mpl.rc_context(STYLE):  # ty: ignore[invalid-argument-type]
        yield


def save_figure(path: Path, figure: Figure) -> Path:
    """Write a figure as PNG, whole or not at all; returns the path."""
    png = io.BytesIO()
    figure.savefig(png, dpi=150)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, png.getvalue())
    return path
