"""Learning rates as arithmetic on the progress of a run: no state to save."""

from math import cos, pi

WARM_UP = 0.05
"""Share of a run in which rates rise that rise at all."""
SOON = 0.002
"""Progress that is added there, so that the first round already learns."""


def cosine(progress: float) -> float:
    """From 1 at the start to 0 at the end (Loshchilov & Hutter, 2017, arXiv:1608.03983)."""
    return (1 + cos(pi * progress)) / 2


def warm_cosine(progress: float) -> float:
    """The cosine after a linear rise over the first twentieth (Goyal et al., 2017, 1706.02677)."""
    return cosine(progress) * min(1.0, (progress + SOON) / WARM_UP)
