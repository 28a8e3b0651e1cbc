"""Learning rates as arithmetic on the progress of a run: no state to save."""

from math import cos, pi


def cosine(progress: float) -> float:
    """From 1 at the start to 0 at the end (Loshchilov & Hutter, 2017, arXiv:1608.03983)."""
    return (1 + cos(pi * progress)) / 2
