"""Runs of two real processes: each draws its own noise, all take the same steps and end as one."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from players import SIZE, quick
from zskt import Run, TeacherOptions, UserError, distill
from zskt.devices import Where, resolve
from zskt.distillation import places
from zskt.distillation.processes import Processes
from zskt.distillation.streams import Streams
from zskt.jobs.distill_run import check_memory
from zskt.methods import METHODS
from zskt.model_file import Card, write_network
from zskt.networks import create
from zskt.runs.checkpoint import read_state, write_state
from zskt.runs.folder import RunFolder

TESTS = Path(__file__).parent
TWO = Where("cpu", "32", devices=2)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """What `two_processes.py` has found, on each of two processes that torchrun starts."""
    folder = tmp_path_factory.mktemp("two")
    words = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    run = subprocess.run(
        [sys.executable, "-m", *words, TESTS / "two_processes.py", folder],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-5000:]
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


@pytest.mark.parametrize("name", METHODS)
def test_two_processes_draw_apart_and_step_together(name, both):
    for found in (each["methods"][name] for each in both):
        assert found["drew apart"], "both processes drew the same images"
        assert found["same networks"], "the processes took different steps"
        assert found["same memories"]
        assert all(count > 0 for count in found["memories"])


@pytest.mark.parametrize("name", ["noise", "zskt"])
def test_two_batches_of_64_are_one_of_128(name, both):
    for found in (each["one process"] for each in both):
        assert found[f"{name} moved"]
        assert found[name]


@pytest.mark.parametrize("what", ["batch norm", "prior"])
def test_statistics_are_those_of_both_halves_of_a_batch(what, both):
    for found in (each[what] for each in both):
        assert found
        assert not [name for name, equal in found.items() if not equal]


def test_ctrl_c_on_one_process_stops_both_and_the_run_goes_on_bit_for_bit(both):
    for found in (each["resumed"] for each in both):
        assert found == {"stopped": "stopped after round 3", "student": True, "average": True}


def test_numbers_that_break_on_one_process_take_both_back(both):
    for found in (each["recovered"] for each in both):
        assert found == {"made": [[3, 2, "student_loss"]], "same": True}


class Alone(Processes):
    """Processes as a process sees them whose others are made up."""

    def __init__(self, rank, others=()):
        self.rank, self.others = rank, others

    def all(self, value):
        return [value, *self.others]


def test_streams_go_on_with_another_number_of_processes(tmp_path):
    cpu = torch.device("cpu")
    draw = lambda streams: torch.randn(4, generator=streams.noise)  # noqa: E731
    with torch.random.fork_rng(devices=()):
        first, second = (Streams(3, Alone(rank), cpu) for rank in (0, 1))
        beginning = draw(second)
        first.processes = Alone(0, [second.state()])
        write_state(tmp_path / "state", {"round": 5, "random": first.state()})
        saved = read_state(tmp_path / "state")
        expected = draw(first), draw(second)
        for rank, numbers in enumerate(expected):
            again = Streams(3, Alone(rank), cpu)
            again.begin(saved)
            assert torch.equal(draw(again), numbers)
        third = Streams(3, Alone(2), cpu)
        third.begin(saved)
        # A process that was there, went, and comes back does not draw its first images again.
        saved["random"].pop("others")
        again = Streams(3, Alone(1), cpu)
        again.begin(saved)
        drawn = [beginning, *expected, draw(third), draw(again)]
    assert len({tuple(numbers.tolist()) for numbers in drawn}) == len(drawn)


def helper_of(process):
    """The process that a run has started beside it."""
    for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    raise AssertionError("no helper")


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for a process in /proc")
def test_a_killed_process_ends_the_run_with_a_sentence_and_a_checkpoint(tmp_path, capsys):
    teacher, out = tmp_path / "teacher.safetensors", tmp_path / "run"
    card = Card(architecture="wrn-10-1", input_size=SIZE, classes=10)
    write_network(teacher, create("wrn-10-1", classes=10, input_size=SIZE), card)
    words = [
        "--teacher", teacher, "--student", "wrn-10-1", "--method", "noise", "--batch-size", 4,
        "--rounds", 10**6, "--out", out, "--device", "cpu", "--precision", "32",
        "--record-every", 1, "--save-seconds", 0.02, "--devices", 2,
    ]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "zskt", "distill", *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    folder = RunFolder(out)
    while process.poll() is None and len(folder.metrics()) < 3:
        time.sleep(0.02)
    assert process.poll() is None, process.communicate()
    os.kill(helper_of(process), signal.SIGKILL)
    # Joining it takes ten seconds at most; a machine at work may need more.
    _, said = process.communicate(timeout=300)
    assert process.returncode == 2, said
    (sentence,) = [line for line in said.splitlines() if line.startswith("zskt: ")]
    assert "process 1 of this run was lost" in sentence
    assert "--resume" in sentence
    assert "Traceback" not in said
    assert out.joinpath("student.safetensors").exists() is False
    done = folder.state()["round"]
    assert folder.settings()["run"]["devices"] == 2
    run = Run(until=done + 2, devices=1, device="cpu")
    resumed = distill(resume=out, run=run, progress=False)
    assert resumed.history[-1]["round"] == done + 2


def test_networks_in_memory_are_taught_in_place_by_two_processes(teacher, student, tmp_path):
    options, before = TeacherOptions(input_size=SIZE), torch.get_num_threads()
    run = Run(rounds=2, devices=2, device="cpu", precision="32")
    given = {"teacher": teacher, "student": student, "progress": False}
    weights = student.head.weight.detach().clone()
    result = distill(
        **given, options=options, method=quick("replay"), run=run, out=tmp_path / "run"
    )
    assert result.student is student
    assert not torch.equal(student.head.weight, weights)
    written = load_file(tmp_path / "run" / "student.safetensors")
    assert torch.equal(written["head.weight"], student.head.weight)
    assert result.history[-1]["images_made"] == 2 * 2 * 20
    assert "RANK" not in os.environ
    assert torch.get_num_threads() == before
    assert [file.name for file in (tmp_path / "run" / "memory").iterdir()] == ["images.u8"]
    # On one process the run goes on with all images of both.
    run = Run(rounds=3, devices=1, device="cpu")
    resumed = distill(**given, resume=tmp_path / "run", run=run)
    assert resumed.history[-1]["images_made"] == 2 * 2 * 20 + 20
    assert len(resumed.source) == 64


@pytest.mark.parametrize(
    ("environment", "where", "sentence"),
    [
        ({}, (1, 2), "start zskt with torchrun or srun"),
        (
            {"TORCHELASTIC_RUN_ID": "1", "LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "8"}, (2, 1),
            "started 4 processes on each of 2 machines",
        ),
        ({"SLURM_NTASKS": "4"}, (2, 1), "SLURM started 4 processes and 2 are asked for"),
    ],
)  # fmt: skip
def test_processes_that_are_not_there_are_told(environment, where, sentence, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=sentence):
        places.check_places(Where("cpu", "32", *where))


def test_a_run_has_the_processes_that_torchrun_started(monkeypatch):
    assert Run().places == (1, 1)
    assert Run(devices=3).places == (3, 1)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    monkeypatch.setenv("WORLD_SIZE", "8")
    assert Run().places == (4, 2)
    places.check_places(resolve("cpu", "32", *Run().places))


def test_what_cannot_be_shared_out_is_refused():
    with pytest.raises(UserError, match="cuda:1"):
        resolve("cuda:1", "32", 2) if torch.cuda.is_available() else _with_cuda()


def _with_cuda():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: True)
        patch.setattr(torch.cuda, "device_count", lambda: 2)
        with pytest.raises(UserError, match="this machine has 2"):
            resolve("cuda", "32", 3)
        resolve("cuda:1", "32", 2)


def test_processes_of_one_machine_share_its_memory(monkeypatch):
    from types import SimpleNamespace

    from zskt.jobs import distill_run
    from zskt.methods.noise import Noise

    teacher = SimpleNamespace(
        card=SimpleNamespace(input_size=SIZE),
        network=create("wrn-10-2", classes=4, input_size=SIZE),
    )
    student = create("wrn-10-1", classes=4, input_size=SIZE)
    needed = distill_run.estimated_bytes(teacher.network, student, SIZE, 128)
    monkeypatch.setattr(distill_run, "free_bytes", lambda device: int(1.5 * needed))
    given = SimpleNamespace(method=Noise(), run=Run()), teacher, student
    check_memory(*given, Where("cpu", "32"), print)
    with pytest.raises(UserError, match="a smaller `micro_batch`"):
        check_memory(*given, TWO, print)
    given[0].run = Run(micro_batch=8)
    check_memory(*given, TWO, print)
