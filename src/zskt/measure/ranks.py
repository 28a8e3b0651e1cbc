"""Rank correlations over a grid, with intervals that know what the cells of a grid share."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

Values = Float[np.ndarray, " cells"]
Places = Int64[np.ndarray, " cells"]
DRAWS = 1000


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's coefficient and the middle 95 % of it over the bootstrap."""

    value: float
    low: float
    high: float


def spearman(first: Values, second: Values) -> float | None:
    """Spearman's rank correlation, -1 to 1; equal values share the mean of their ranks.

    None if one of both is the same everywhere.
    """
    ranks = np.stack([_ranks(values) for values in (first, second)])
    if np.ptp(ranks, axis=1).min() == 0:
        return None
    return float(np.corrcoef(ranks)[0, 1])


def rank_correlation(
    first: Values, second: Values, rows: Places, columns: Places, *, seed: int = 0
) -> RankCorrelation | None:
    """The correlation over the cells of a grid, with a bootstrap over its rows and its columns.

    Cells of one row share a teacher and cells of one column a student, so they are not drawn one by
    one: whole rows and whole columns are, with replacement, and a cell counts as often as both were
    drawn (the pigeonhole bootstrap: Owen, 2007, arXiv:0712.1111).

    Args:
        first: a value for each cell.
        second: another value for each cell.
        rows: the row of each cell.
        columns: the column of each cell.
        seed: of the draws.

    Returns:
        None if a value is the same everywhere, or is in more than half of the draws.
    """
    if (value := spearman(first, second)) is None:
        return None
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(DRAWS):
        times = [
            np.bincount(random.integers(0, count, count), minlength=count)
            for count in (rows.max() + 1, columns.max() + 1)
        ]
        cells = np.repeat(np.arange(len(rows)), times[0][rows] * times[1][columns])
        again = spearman(first[cells], second[cells]) if len(cells) > 1 else None
        drawn += [] if again is None else [again]
    if len(drawn) < DRAWS / 2:
        return None
    low, high = np.quantile(drawn, [0.025, 0.975])
    return RankCorrelation(value, float(low), float(high))


def _ranks(values: Values) -> Values:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[places]
