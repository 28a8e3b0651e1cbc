"""The paper's own numbers (arXiv:1905.09768v3), for the same data, pairs and full scale.

Accuracies are shares; those of Table 1 are means over three seeds. The curves of Figure 2 are those
that the authors plotted. The tables of the documentation are made from here too: `docs/tables.py`.
"""

TABLE_1_PER_CLASS = 200
"""Real images of each class that the few-shot students of Table 1 saw."""
TABLE_1 = {
    ("wrn-16-2", "wrn-16-1"): {"few-shot": 0.8454, "zero-shot": 0.8244},
    ("wrn-40-1", "wrn-16-1"): {"few-shot": 0.8171, "zero-shot": 0.7993},
    ("wrn-40-2", "wrn-16-1"): {"few-shot": 0.8125, "zero-shot": 0.8369},
    ("wrn-40-1", "wrn-16-2"): {"few-shot": 0.8574, "zero-shot": 0.8660},
    ("wrn-40-2", "wrn-16-2"): {"few-shot": 0.8639, "zero-shot": 0.8971},
    ("wrn-40-2", "wrn-40-1"): {"few-shot": 0.8735, "zero-shot": 0.8660},
}
SCRATCH = {"wrn-16-1": 0.9104, "wrn-16-2": 0.9397, "wrn-40-1": 0.9318, "wrn-40-2": 0.9473}
"""From labels alone on CIFAR-10."""

FIGURE_2: dict[str, dict[str, dict[int | None, float]]] = {
    "cifar10": {
        "no teacher": {10: 0.2579, 25: 0.335, 50: 0.4488, 75: 0.5562, 100: 0.588, None: 0.9155},
        "KD+AT": {10: 0.4032, 25: 0.57, 50: 0.68, 75: 0.72, 100: 0.76, None: 0.9192},
        "zero-shot": {0: 0.8369},
        "zero-shot + M": {10: 0.8468, 25: 0.8471, 50: 0.8528, 75: 0.8575, 100: 0.8591},
    },
    "svhn": {
        "no teacher": {10: 0.1088, 25: 0.1971, 50: 0.5483, 75: 0.6426, 100: 0.7318, None: 0.9571},
        "KD+AT": {10: 0.2457, 25: 0.4025, 50: 0.5403, 75: 0.6969, 100: 0.7772, None: 0.9588},
        "zero-shot": {0: 0.9437},
        "zero-shot + M": {10: 0.9436, 25: 0.9437, 50: 0.9435, 75: 0.9438, 100: 0.9441},
    },
}
SVHN = 0.9406
"""Zero-shot, mean of three seeds, in the text of section 4.1."""

TABLE_2 = {
    "cifar10": {"zero-shot": 0.22, "KD+AT": 0.68},
    "svhn": {"zero-shot": 0.09, "KD+AT": 0.64},
}
"""Mean transition errors."""
TABLE_2_PLOTTED = {"cifar10": {"KD+AT": 0.72}}
"""What the curves give that the authors plotted in their notebook, where that is another number."""

TOY_TEACHER = 0.9683
"""Accuracy of the teacher in the plane, as the authors' notebook prints it."""

FIGURE_5 = {
    "lenet": {"frog": 949, "truck": 49, "deer": 2},
    "wrn-16-1": {"bird": 683, "frog": 311, "cat": 6},
    "wrn-16-2": {"bird": 998, "frog": 2},
    "wrn-40-1": {"frog": 556, "bird": 443, "deer": 1},
    "wrn-40-2": {"bird": 1000},
}
"""Of 1,000 images of uniform noise, CIFAR-10."""

CONFIDENCE = {"teacher": 0.8, "student": 0.3}
"""Mean largest probability on generated images, section 4.3."""

LOG = {800: 0.330, 1_600: 0.588, 80_000: 0.8426}
"""Accuracy by round in the authors' own log: WRN-40-2 to WRN-16-1 on CIFAR-10, seed 0."""
LOG_TEACHER = 0.9476
"""Accuracy of the teacher there."""
