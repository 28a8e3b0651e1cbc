"""Learning rates as arithmetic on the progress of a run: no state to save."""

from math import cos, pi

SOON = 0.002
"""Progress that is added in a warm-up, so that the first round already learns."""


def cosine(progress: float) -> float:
    """From 1 at the start to 0 at the end (Loshchilov & Hutter, 2017, arXiv:1608.03983)."""
    return (1 + cos(pi * progress)) / 2


def warm_up(progress: float, share: float) -> float:
    """From almost 0 up to 1 over a share of the run (Goyal et al., 2017, arXiv:1706.02677)."""
    return min(1.0, (progress + SOON) / share) if share else 1.0
