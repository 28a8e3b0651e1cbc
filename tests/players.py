"""Shared by tests: a tiny size, a session without a loop around it, and the command line."""

import copy
import sys

import torch
from torch import nn

from zskt.cli import main
from zskt.devices import resolve
from zskt.distillation.loop import make_fabric
from zskt.distillation.session import Session

SIZE = (3, 8, 8)
TIMES = {"seconds": 0, "rounds_per_second": 0, "seconds_making": 0, "seconds_teaching": 0}
"""What differs between two runs that are otherwise the same."""


def make_session(teacher: nn.Module, student: nn.Module, **kinds) -> Session:
    return Session(
        copy.deepcopy(teacher),
        student,
        input_size=SIZE,
        classes=10,
        seed=0,
        fabric=make_fabric(resolve("cpu", "32"), next(student.parameters()).dtype),
        **kinds,
    )


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    """Whether two networks agree in every weight and buffer, bit for bit."""
    ours, theirs = one.state_dict(), other.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[k], theirs[k]) for k in ours)


def zskt(*words):
    """Run a command in this process; returns its exit code."""
    sys.argv = ["zskt", *map(str, words)]
    try:
        main()
    except SystemExit as stop:
        return stop.code or 0
    return 0
