"""Shared by tests: a tiny size, and a game without a loop around it."""

import copy

from torch import nn

from zskt.devices import make_fabric
from zskt.game import Game

SIZE = (3, 8, 8)


def make_game(teacher: nn.Module, student: nn.Module, rounds: int = 5, **kinds) -> Game:
    return Game(
        copy.deepcopy(teacher),
        student,
        input_size=SIZE,
        classes=10,
        rounds=rounds,
        seed=0,
        fabric=make_fabric("cpu", "32"),
        **kinds,
    )
