"""The student's moving average, and the memory that a round needs."""

import copy

import pytest
import torch
from torch import nn

from players import SIZE, same_weights
from zskt.distillation.loop import distill
from zskt.distillation.memory import bytes_of_a_round
from zskt.distillation.run import Run
from zskt.methods import ZSKT
from zskt.model_file import load
from zskt.networks import create
from zskt.networks.generator import Generator

METHOD = ZSKT(batch_size=4, generator_width=8, student_steps=2)
TINY = {"device": "cpu", "precision": "32", "rounds": 8}


def networks():
    torch.manual_seed(0)
    return (create(name, classes=5, input_size=SIZE) for name in ("resnet-8", "wrn-10-1"))


def test_the_average_follows_the_student(tmp_path):
    """Against the recursion in the file's docstring, a quarter of eight rounds back."""
    teacher, student = networks()
    past = []

    def look(number, student):
        past.append(copy.deepcopy(student.state_dict()))
        return {}

    made = distill(
        teacher, student, input_size=SIZE, method=METHOD, measure=look, out=tmp_path / "run",
        run=Run(**TINY, evaluate_every=1, average_over=0.25), progress=False,
    )  # fmt: skip
    expected = past[0]
    for weights in past[1:]:
        for name, value in expected.items():
            if value.is_floating_point():
                expected[name] = value + (weights[name] - value) / 2
    found = made.average.state_dict()
    for name, value in expected.items():
        if value.is_floating_point():
            torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-6)
    assert not made.average.training
    assert not same_weights(made.average, student)
    create_again = load(tmp_path / "run" / "student-average.safetensors")
    assert same_weights(create_again, made.average)


def test_the_average_survives_a_restart(tmp_path):
    kept = {}
    for name, stops in {"whole": (8,), "parts": (3, 8)}.items():
        teacher, student = networks()
        for number, until in enumerate(stops):
            made = distill(
                teacher, student, input_size=SIZE, method=METHOD, out=tmp_path / name,
                run=Run(**TINY, until=until), resume=number > 0, progress=False,
            )  # fmt: skip
        kept[name] = made.average
    assert same_weights(kept["whole"], kept["parts"])


def test_no_average(tmp_path):
    teacher, student = networks()
    made = distill(
        teacher, student, input_size=SIZE, method=METHOD, out=tmp_path / "run",
        run=Run(**TINY, average_over=0, until=1), progress=False,
    )  # fmt: skip
    assert made.average is None
    assert not (tmp_path / "run" / "student-average.safetensors").exists()


def test_memory_grows_with_the_batch():
    """Known to the byte for a linear teacher and student on top of the generator."""
    generator = Generator((1, 8, 8), 10, width=8)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    small, large = (bytes_of_a_round(generator, flat, flat, size) for size in (1, 65))
    weights = 16 * (
        sum(p.numel() for p in generator.parameters())
        + 2 * sum(p.numel() for p in flat.parameters())
    )
    of_one = small - weights
    assert large - weights == 65 * of_one
    # At least the maps before and after the one upsampling, four bytes for each number.
    assert of_one >= 4 * (8 * 16 + 8 * 64 + 4 * 64 + 64)
    deeper = nn.Sequential(flat, nn.Tanh(), nn.Linear(3, 3))
    assert bytes_of_a_round(generator, deeper, flat, 65) > large


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_shares_only(share):
    with pytest.raises(ValueError, match="--average-over"):
        Run(average_over=share)
