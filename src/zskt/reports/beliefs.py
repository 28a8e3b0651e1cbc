"""Pictures of transition curves: two networks' belief in the class that one is stepped towards."""

from collections.abc import Mapping

from jaxtyping import Float, Int64, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from zskt.reports.style import INK

Curves = Mapping[str, Float[Tensor, "images targets steps"]]
"""By role, `student` and `teacher`."""
LABEL = "probability of the target class"


def mean_curves(curves: Curves, title: str, shown_steps: int = 32) -> Figure:
    """The mean over images and targets with a band of two standard errors, as in Figure 4.

    The paper takes every image and target as independent; here the error is over images, each with
    the mean over its targets, which as a rule makes the band wider.
    """
    figure = Figure(figsize=(4.8, 3.4), layout="constrained")
    # What is in brackets would not fit beside the rest.
    _draw_means(figure.subplots(), curves, title.replace(" (", "\n("), shown_steps)
    return figure


def mean_curves_beside(students: Mapping[str, Curves], shown_steps: int = 32) -> Figure:
    """The means of several students and their teachers, one panel each."""
    figure = Figure(figsize=(3.4 * len(students), 3.2), layout="constrained")
    panels = figure.subplots(1, len(students), squeeze=False)[0]
    for axes, (name, curves) in zip(panels, students.items(), strict=True):
        apart = (curves["student"] - curves["teacher"]).abs().mean()
        _draw_means(axes, curves, f"{name}, MTE {apart:.3f}", shown_steps)
    return figure


def _draw_means(axes: Axes, curves: Curves, title: str, shown_steps: int) -> None:
    for role, of in curves.items():
        of_each = of[..., :shown_steps].double().mean(1)
        mean = of_each.mean(0).numpy()
        axes.plot(range(len(mean)), mean, color=INK[role], label=role)
        if len(of_each) > 1:
            band = 2 * of_each.std(0).numpy() / len(of_each) ** 0.5
            low, high = mean - band, mean + band
            axes.fill_between(range(len(mean)), low, high, color=INK[role], alpha=0.2, lw=0)
    axes.set(xlabel="step k", ylabel=f"mean {LABEL}", ylim=(0, 1.02))
    axes.set_title(title, fontsize="medium")
    axes.legend(loc="lower right", frameon=False)


def single_curves(
    curves: Curves,
    images: UInt8[Tensor, "count channels height width"],
    start: Int64[Tensor, " images"],
    shown_steps: int = 32,
) -> Figure:
    """Single images, and under each the curves from its class in `start` towards every other.

    The curves are of the first images, and perhaps of more.
    """
    figure = Figure(figsize=(2.4 * len(images) + 0.6, 3.6), layout="constrained")
    panels = figure.subplots(2, len(images), squeeze=False, height_ratios=(1, 2))
    for number, (above, below) in enumerate(panels.T):
        above.imshow(images[number].expand(3, -1, -1).permute(1, 2, 0).numpy())
        above.set_axis_off()
        above.set_title(f"from class {int(start[number])}", fontsize="medium")
        for role, of in curves.items():
            shown = of[number, :, :shown_steps].T.numpy()
            lines = below.plot(range(len(shown)), shown, color=INK[role], lw=0.8, alpha=0.6)
            lines[0].set_label(role)
        below.set(xlabel="step k", ylim=(0, 1.02))
    panels[1, 0].set_ylabel(LABEL)
    panels[1, -1].legend(loc="lower right", frameon=False)
    return figure
