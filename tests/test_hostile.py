"""Networks and options that are not what they should be: one sentence, and nothing is written.

The long form, with thousands of files too, is benchmarks/hostile.py.
"""

import re
import signal
import sys

import pytest
import torch

from campaigns.options import BASE, NUMBERS
from campaigns.players import source
from players import zskt
from zskt.cli.app import COMMANDS
from zskt.model_file import Card, write_network
from zskt.networks import create
from zskt.progress import ProgressLine

SIZE = (1, 8, 8)
TEACHERS = {
    "raises": r"1x8x8 images: ZeroDivisionError: division by zero \(.*gift.py, line \d+\)",
    "exits": "cannot take 1x8x8 images",
    "unspeakable": r"cannot take 1x8x8 images: Odd \(",
    "lazy": "is lazy and has no size yet",
    "meta": "lies on the meta device",
    "pruned": "torch.nn.utils.prune.remove",
    "no copy": "cannot be copied",
    "complex": "is complex",
    "sparse weight": "is sparse",
    "text buffer": "is a str and no tensor",
    "make exits": "failed with SystemExit",
    "make base": "failed with Odder",
}
STUDENTS = {
    "frozen": "is frozen",
    "half": "give the student as float32",
    "string state": "keeps a str as _extra_state",
    "scripted": "is TorchScript",
    "detaches": "no gradient reaches",
    "lazy": "is lazy",
    "raises": r"the student cannot take .*gift.py, line \d+",
    "state raises": r"own code failed: ZeroDivisionError.*gift.py, line \d+",
}


@pytest.fixture
def gift(tmp_path, monkeypatch):
    """A function that writes a module `gift` with a network of a kind into the working folder."""
    monkeypatch.chdir(tmp_path)

    def write(kind):
        monkeypatch.delitem(sys.modules, "gift", raising=False)
        sys.modules.pop("gift", None)
        (tmp_path / "gift.py").write_text(source(kind))

    yield write
    sys.modules.pop("gift", None)


@pytest.fixture
def teacher(tmp_path):
    file = tmp_path / "teacher.safetensors"
    card = Card(architecture="wrn-10-1", input_size=SIZE, classes=10, mean=(0.3,), std=(0.4,))
    write_network(file, create("wrn-10-1", classes=10, input_size=SIZE), card)
    return file


@pytest.mark.parametrize("kind", TEACHERS)
@pytest.mark.filterwarnings("ignore")
def test_teachers_of_code(kind, gift, capsys):
    gift(kind)
    assert zskt("inspect", "gift:make", "--input-size", 1, 8, 8) == 2
    told = capsys.readouterr().err
    assert re.search(TEACHERS[kind], " ".join(told.split())), told


@pytest.mark.filterwarnings("ignore")
def test_a_teacher_of_64_bits_runs_in_32(gift, capsys):
    gift("double")
    assert zskt("inspect", "gift:make", "--input-size", 1, 8, 8, "--student", "lenet") == 0
    assert "Its weights have 64 bits" in capsys.readouterr().out


@pytest.mark.parametrize("kind", STUDENTS)
@pytest.mark.filterwarnings("ignore")
def test_students_of_code(kind, gift, teacher, tmp_path, capsys):
    gift(kind)
    words = ("--teacher", teacher, "--student", "gift:make", "--out", tmp_path / "run")
    assert zskt("distill", *words, "--rounds", 1, "--batch-size", 2, "--device", "cpu") == 2
    told = capsys.readouterr().err
    assert re.search(STUDENTS[kind], " ".join(told.split())), told
    assert not (tmp_path / "run" / "result.json").exists()


@pytest.mark.parametrize("value", NUMBERS)
def test_numbers_of_every_kind(value, teacher, tmp_path, capsys):
    """Only what is a number of rounds and small would start."""
    words = ("--teacher", teacher, "--student", "nothing", "--out", tmp_path / "run")
    assert zskt("distill", *words, f"--batch-size={value}") == 2
    told = capsys.readouterr().err
    assert told.count("zskt: ") == 1
    assert list(tmp_path.iterdir()) == [teacher]


def test_weights_that_no_network_has(tmp_path, capsys):
    state = create("wrn-10-1", classes=10, input_size=SIZE).state_dict()
    wrong = {
        "integer keys": {5: torch.zeros(3)},
        "sparse": state | {"head.weight": torch.zeros(10, 64).to_sparse()},
        "meta": state | {"head.weight": torch.zeros(10, 64, device="meta")},
    }
    for name, weights in wrong.items():
        torch.save(weights, tmp_path / "w.pth")
        words = ("wrn-10-1", "--weights", tmp_path / "w.pth", "--input-size", 1, 8, 8)
        assert zskt("inspect", *words) == 2, name
        assert "w.pth" in capsys.readouterr().err


def test_a_stop_by_the_system_is_like_ctrl_c(monkeypatch, capsys):
    """Before and after the rounds of a run too."""
    for kind in (signal.SIGTERM, signal.SIGHUP):
        # nohup has it ignored, and the test may run under that.
        before = signal.signal(kind, signal.SIG_DFL)
        monkeypatch.setattr("zskt.cli.app.make_app", lambda _, k=kind: signal.raise_signal(k))
        try:
            assert zskt("list") == 130
            assert signal.getsignal(kind) is signal.SIG_DFL
        finally:
            signal.signal(kind, before)
        assert "zskt: stopped" in capsys.readouterr().err


def test_a_disk_too_full_for_the_sentence(monkeypatch):
    class Full:
        encoding = "utf-8"

        def write(self, text):
            raise OSError(28, "No space left on device")

        def flush(self):
            raise OSError(28, "No space left on device")

        def isatty(self):
            return False

        def fileno(self):
            raise OSError(9, "none")

    monkeypatch.setattr(sys, "stderr", Full())
    assert zskt("distill") == 2


def test_a_run_of_centuries_does_not_tell_how_long(capsys):
    line = ProgressLine("rounds", 2**63 - 1, shown=True)
    with line:
        line.advance(1)
    assert "? left" in capsys.readouterr().err


def test_what_is_left_is_left_to_the_round_where_it_stops(capsys, monkeypatch):
    """A part of a longer run, whose own share is small."""
    now = iter([0.0, 30.0, 30.0, 30.0])
    monkeypatch.setattr("zskt.progress.time.monotonic", lambda: next(now))
    with ProgressLine("rounds", 4) as line:
        line.advance(1, 0.01)
    assert "1/4 rounds  0.0333/s  0:01:30 left" in capsys.readouterr().err


def test_what_is_left_of_a_resumed_run_by_the_clock(capsys, monkeypatch):
    now = iter([0.0, 10.0, 10.0])
    monkeypatch.setattr("zskt.progress.time.monotonic", lambda: next(now))
    with ProgressLine("rounds", None, 5, 0.5) as line:
        line.advance(6, 0.6)
    assert "6 rounds  0.1/s  0:00:40 left" in capsys.readouterr().err


def test_the_campaign_knows_every_command():
    assert set(BASE) == set(COMMANDS)
