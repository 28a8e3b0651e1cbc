"""What people read of a run."""

import numpy as np
import pytest
import torch

from zskt.images import Normalisation, sheet
from zskt.reports.run import curves, generated
from zskt.runs.facts import RunFacts


def facts(folder, channels):
    """A run of two rounds with one sheet of dark and bright images."""
    images = torch.stack([torch.full((channels, 8, 8), value) for value in (-1.0, 1.0)])
    half = Normalisation((0.5,) * channels, (0.5,) * channels)
    (folder / "round-000001.png").write_bytes(sheet(images, half))
    rows = [{"round": n, "student_loss": 1 / n, "critic_loss": -1 / n} for n in (1, 2)]
    return RunFacts(
        path=folder, settings={"input_size": [channels, 8, 8]}, metrics=rows,
        sheets=[folder / "round-000001.png"], result=None, evaluation=None, verdict=None, card=None,
    )  # fmt: skip


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_images_are_shown_in_grey(channels, tmp_path):
    (drawn,) = generated(facts(tmp_path, channels)).axes
    strip = np.asarray(drawn.images[0].get_array())
    # A white line around each; the first image is black, the second white.
    assert strip.shape == (10, 19, 3)
    assert (strip[1:9, 1:9] == 0).all()
    assert (strip[1:9, 10:18] == 255).all()
    assert (strip[0] == 255).all()


def test_the_loss_of_whatever_plays_against_the_student_is_drawn(tmp_path):
    figure = curves(facts(tmp_path, 1))
    assert {axes.get_ylabel() for axes in figure.axes} == {"student loss", "critic loss"}
