"""Heat maps of a grid: a row for each teacher, a column for each student."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

Map = Float[np.ndarray, "teachers students"]


def heat_maps(maps: Mapping[str, Map], teachers: Sequence[str], students: Sequence[str]) -> Figure:
    """A panel for each map, by its title; cells that hold no number stay empty.

    The last row of a map may be what students reach with data: it is named so in `teachers`.
    """
    size = 1.6 + 0.62 * len(students), 1.3 + 0.4 * len(teachers)
    figure = Figure(figsize=(size[0] * len(maps), size[1]), layout="constrained")
    panels = figure.subplots(1, len(maps), squeeze=False)[0]
    for axes, (title, values) in zip(panels, maps.items(), strict=True):
        colours = "Blues_r" if "error" in title else "Blues"
        axes.imshow(values, cmap=colours, aspect="auto")
        axes.set_title(title, fontsize="medium")
        axes.set_xticks(range(len(students)), students, rotation=35, ha="right")
        axes.set_yticks(range(len(teachers)), teachers if axes is panels[0] else [])
        axes.set_xlabel("student")
        middle = np.nanmean(values) if np.isfinite(values).any() else 0.0
        for place, value in np.ndenumerate(values):
            if np.isfinite(value):
                dark = (value > middle) == (colours == "Blues")
                text = f"{value:.3f}" if "error" in title else f"{100 * value:.1f}"
                ink = "white" if dark else "black"
                axes.text(place[1], place[0], text, ha="center", va="center", color=ink, size=7)
    panels[0].set_ylabel("teacher")
    return figure
