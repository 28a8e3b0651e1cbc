"""Shared by tests: a tiny size, a session without a loop around it, and the command line."""

import copy
import sys
from dataclasses import replace

import torch
from torch import nn

from zskt.cli import main
from zskt.devices import resolve
from zskt.distillation.fabric import make_fabric
from zskt.distillation.session import Session
from zskt.methods import method_class

SIZE = (3, 8, 8)
TIMES = {"seconds": 0, "rounds_per_second": 0, "seconds_making": 0, "seconds_teaching": 0}
"""What differs between two runs that are otherwise the same."""


QUICK = {
    "batch_size": 8, "image_batch_size": 20, "image_steps": 2, "generator_steps": 2,
    "student_steps": 2, "replays": 1, "memory": 64,
}  # fmt: skip
"""Settings that make rounds short, of the methods that have them."""


def quick(name: str, **settings):
    """A method with settings that make rounds short."""
    made = method_class(name)()
    chosen = {**QUICK, **settings}
    return replace(made, **{key: value for key, value in chosen.items() if hasattr(made, key)})


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
