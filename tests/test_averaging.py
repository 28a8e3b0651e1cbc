"""The student's moving average, and the memory that a round needs."""

import copy
import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from players import SIZE, make_session, same_weights
from zskt import Run, distill, load_teacher
from zskt.distillation.averaging import MovingAverage
from zskt.distillation.counts import Counts
from zskt.distillation.memory import estimated_bytes, free_bytes, measured_bytes
from zskt.methods.zskt import ZSKT
from zskt.model_file import load
from zskt.networks import create

METHOD = ZSKT(batch_size=4, generator_width=8, student_steps=2)
TINY = {"device": "cpu", "precision": "32", "rounds": 8}


def networks():
    torch.manual_seed(0)
    teacher, student = (
        create(name, classes=5, input_size=SIZE) for name in ("resnet-8", "wrn-10-1")
    )
    return load_teacher(teacher, input_size=SIZE), student


def test_the_average_follows_the_student(tmp_path, monkeypatch):
    """Against the recursion in the file's docstring, a quarter of eight rounds back."""
    teacher, student = networks()
    past = []
    follow = MovingAverage.follow

    def watched(self, rounds):
        past.append(copy.deepcopy(student.state_dict()))
        follow(self, rounds)

    monkeypatch.setattr(MovingAverage, "follow", watched)
    made = distill(
        teacher, student, method=METHOD, out=tmp_path / "run",
        run=Run(**TINY, average_over=0.25), progress=False,
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


def test_the_span_is_a_share_of_the_rounds_that_are_told():
    """Which a run by the clock tells anew after every round; never less than one round."""
    teacher, student = networks()
    session = make_session(teacher.network, student)
    average = MovingAverage(session, 0.25)
    assert average.network is not None
    weight, kept = student.head.weight, average.network.head.weight
    average.follow(8)
    torch.testing.assert_close(kept, weight)
    expected = weight.detach().clone()
    for rounds, span in ((8, 2), (40, 10), (14, 3.5), (3, 1)):
        with torch.no_grad():
            weight.add_(1)
        average.follow(rounds)
        expected += (weight.detach() - expected) / span
        torch.testing.assert_close(kept, expected)
    torch.testing.assert_close(kept, weight)
    assert not kept.requires_grad


def test_the_bits_are_those_of_torch():
    teacher, student = networks()
    average = MovingAverage(make_session(teacher.network, student), 0.25)
    mixed = get_ema_multi_avg_fn(1 - 1 / 3)
    theirs = AveragedModel(student, multi_avg_fn=mixed, use_buffers=True)
    for _ in range(4):
        student.train()(torch.randn(4, *SIZE))
        average.follow(12)
        theirs.update_parameters(student)
    assert same_weights(average.network, theirs.module)


def test_a_share_of_zero_follows_nothing():
    teacher, student = networks()
    session = make_session(teacher.network, student)
    average = MovingAverage(session, 0)
    average.follow(8)
    assert average.network is None
    session.ready()
    assert "average" not in session.state_dict()["kept"]


def test_the_average_survives_a_restart(tmp_path):
    kept = {}
    for name, stops in {"whole": (8,), "parts": (3, 8)}.items():
        teacher, student = networks()
        made = distill(
            teacher, student, method=METHOD, out=tmp_path / name,
            run=Run(**TINY, until=stops[0]), progress=False,
        )  # fmt: skip
        for until in stops[1:]:
            run = Run(device="cpu", until=until)
            made = distill(teacher, student, resume=tmp_path / name, run=run, progress=False)
        kept[name] = made.average
    assert same_weights(kept["whole"], kept["parts"])


def test_no_average(tmp_path):
    teacher, student = networks()
    made = distill(
        teacher, student, method=METHOD, out=tmp_path / "run",
        run=Run(**TINY, average_over=0, until=1), progress=False,
    )  # fmt: skip
    assert made.average is None
    assert not (tmp_path / "run" / "student-average.safetensors").exists()


def test_memory_grows_with_the_batch():
    """Known to the byte: of a frozen teacher the weights alone, of what is trained four copies."""
    teacher = nn.Sequential(nn.Flatten(), nn.Linear(64, 3), nn.Tanh(), nn.Linear(3, 3))
    student = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    small, large = (estimated_bytes(teacher, student, (1, 8, 8), size) for size in (1, 65))
    numbers = [sum(p.numel() for p in each.parameters()) for each in (teacher, student)]
    weights = 4 * (numbers[0] + 4 * numbers[1])
    # The backward pass to the images needs what tanh gave, three floats for each image.
    assert small - weights == 4 * 3
    assert large - weights == 65 * 4 * 3
    assert all(p.requires_grad for p in teacher.parameters())


def test_the_first_round_is_measured_and_told(monkeypatch, capsys):
    """The estimate before the start is corrected."""
    teacher, student = networks()
    assert 10**8 < measured_bytes(torch.device("cpu")) < 10**11
    monkeypatch.setattr("zskt.jobs.distill_run.MUCH_MEMORY", 0)
    monkeypatch.setattr("zskt.distillation.memory.MUCH_MEMORY", 0)
    monkeypatch.setattr("zskt.distillation.memory.measured_bytes", lambda device: 1_234_000_000)
    distill(teacher, student, method=METHOD, run=Run(**TINY, until=2))
    told = capsys.readouterr()
    assert "A round needs about" in told.out
    assert told.err.count("By the end of the first round 1.2 GB of memory were taken.") == 1


CHILD = """
from zskt.distillation.memory import measured_bytes
import torch
before = measured_bytes(torch.device("cpu"))
much = bytearray(b"1") * 300_000_000
print(measured_bytes(torch.device("cpu")) - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells a child the peak of its parent")
def test_a_process_is_not_told_the_memory_of_its_parent():
    # More than the child takes in all.
    much = bytearray(b"1") * 1_500_000_000
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True)
    assert len(much) > 0
    assert 290_000_000 < int(done.stdout) < 400_000_000, done.stderr


@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_shares_only(share):
    with pytest.raises(ValueError, match="`average_over`"):
        Run(average_over=share)


def test_memory_that_torch_keeps_on_a_gpu_is_free(monkeypatch):
    """The trial before a run leaves such memory behind."""
    told = {"mem_get_info": (100, 1000), "memory_reserved": 700, "memory_allocated": 50}
    for name, value in told.items():
        monkeypatch.setattr(f"torch.cuda.{name}", lambda device, value=value: value)
    assert free_bytes(torch.device("cuda")) == 750


def test_the_seconds_of_a_step_are_taken_after_the_wait(monkeypatch):
    counts, times = Counts(), iter([1.0, 8.0])
    monkeypatch.setattr("zskt.distillation.counts.time.monotonic", lambda: now[0])
    now = [next(times)]
    counts.restart_clock()
    counts.wait = lambda: now.__setitem__(0, next(times))
    counts.stepped(teaching=True)
    assert (counts.seconds_teaching, counts.seconds_making) == (7.0, 0.0)
