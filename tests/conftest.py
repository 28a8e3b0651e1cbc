"""One thread, so that tests do not fight over two cores; the same hypothesis draws every time."""

import os

# Also for the processes that tests start.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
import torch
from hypothesis import settings
from torch import nn

from players import SIZE
from zskt.networks import create

torch.set_num_threads(1)
settings.register_profile("zskt", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("zskt")


@pytest.fixture
def teacher() -> nn.Module:
    torch.manual_seed(1)
    return create("wrn-10-2", classes=10, input_size=SIZE)


@pytest.fixture
def student() -> nn.Module:
    torch.manual_seed(2)
    return create("wrn-10-1", classes=10, input_size=SIZE)
