"""Every table and figure by its name."""

from zskt.experiments import (
    ablations,
    figure_1,
    figure_2,
    figure_3,
    figure_5,
    pairs,
    svhn,
    table_1,
    table_2,
)
from zskt.experiments.experiment import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    "table-1": table_1.EXPERIMENT,
    "table-2": table_2.TABLE,
    "figure-1": figure_1.EXPERIMENT,
    "figure-2": figure_2.EXPERIMENT,
    "figure-3": figure_3.EXPERIMENT,
    "figure-4": table_2.FIGURE,
    "figure-5": figure_5.EXPERIMENT,
    "svhn": svhn.EXPERIMENT,
    "ablations": ablations.EXPERIMENT,
    "pairs": pairs.EXPERIMENT,
}
