"""The plan of a run: what a trial counts, and what is done with it."""

import copy
from dataclasses import dataclass

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import zskt
from players import SIZE, make_session, quick, same_weights
from players import zskt as command
from zskt.devices import resolve
from zskt.distillation.trial import Phase, Trial, tried
from zskt.jobs import distill_run, plan
from zskt.methods import METHODS
from zskt.methods.noise import Noise
from zskt.methods.zskt import ZSKT

WHERE = resolve("cpu", "32")


def pair():
    # Networks of any seed have corners, where finite differences say that a gradient is broken.
    torch.manual_seed(0)
    return (zskt.create(name, classes=10, input_size=SIZE) for name in ("wrn-10-1", "resnet-8"))


@pytest.mark.parametrize("name", METHODS)
def test_a_trial_of_every_method_leaves_no_trace(name):
    teacher, student = pair()
    before, state = copy.deepcopy(student), torch.get_rng_state()
    trial = tried(quick(name), teacher, student, WHERE, input_size=SIZE, classes=10, seconds=0)
    assert same_weights(before, student)
    assert torch.equal(state, torch.get_rng_state())
    assert trial.rounds == 1
    assert trial.images_seen > 0
    assert trial.phases["teaching"].operations > 0
    assert (trial.phases["making"].operations > 0) == (name != "noise")
    spent = sum(phase.seconds for phase in trial.phases.values())
    assert 0 < spent <= trial.seconds


def test_operations_are_those_that_torch_counts():
    teacher, student = pair()
    method = quick("zskt", batch_size=4)
    trial = tried(method, teacher, student, WHERE, input_size=SIZE, classes=10, seconds=0)
    session = make_session(teacher, student)
    rounds = method.rounds(session)
    with FlopCounterMode(display=False) as counter:
        next(rounds)
    counted = sum(phase.operations for phase in trial.phases.values())
    # The trial has also looked for the stages, before its first step.
    assert counted == counter.get_total_flops()


def test_bytes_grow_with_the_batch():
    moved = []
    for size in (4, 8):
        method = Noise(batch_size=size, student_steps=1)
        trial = tried(method, *pair(), WHERE, input_size=SIZE, classes=10, seconds=0)
        moved.append(trial.phases["teaching"].bytes)
    assert moved[0] < moved[1] < 2 * moved[0]


def trial_of_a_second():
    phases = {"making": Phase(0.25, 10**9, 10**8), "teaching": Phase(0.75, 10**9, 10**8)}
    return Trial(3, 1.0, images_made=10, images_seen=20, memory_bytes=10**9, phases=phases)


def test_a_plan_is_arithmetic_on_its_trial():
    planned = plan.plan_of(trial_of_a_second(), zskt.Run(rounds=7300), WHERE)
    assert planned.lines[0] == (
        "About 2.0 hours for 7,300 rounds: 73,000 images made, 146,000 taught from."
    )
    assert planned.of_minutes(2).startswith("`minutes` 2 would buy 120 rounds: 1,200 images made")
    making, teaching = planned.rows
    assert making["peak_share"] == pytest.approx(3 * teaching["peak_share"])
    by_the_clock = plan.plan_of(trial_of_a_second(), zskt.Run(minutes=3), WHERE)
    assert (by_the_clock.rounds, by_the_clock.seconds) == (180, 180)


def test_a_plan_of_several_processes_counts_what_all_make():
    where = resolve("cpu", "32", 2, 3)
    planned = plan.plan_of(trial_of_a_second(), zskt.Run(rounds=100), where)
    assert planned.lines[0] == (
        "About 100 seconds for 100 rounds: 6,000 images made, 12,000 taught from, all 6 processes "
        "together."
    )
    assert "of one process" in planned.lines[-1]


def test_a_run_of_no_given_length_takes_no_more_than_an_hour():
    run = zskt.Run(rounds=3600)
    planned = plan.plan_of(trial_of_a_second(), run, WHERE)
    assert plan.fitted(planned, run, 60) == run
    assert plan.fitted(planned, run, 59) == zskt.Run(minutes=59)


@dataclass(frozen=True)
class Endless(Noise):
    """A method whose usual length is too long for anybody."""

    usual_rounds = 10**9


def test_an_endless_method_is_cut_short_and_says_so(monkeypatch, capsys):
    monkeypatch.setattr(distill_run, "UNASKED_MINUTES", 0.1)
    monkeypatch.setattr(distill_run, "TRIAL_SECONDS", 0.0)
    monkeypatch.setattr(distill_run, "seconds_of_end", lambda *given: 0.0)
    monkeypatch.setattr("zskt.jobs.task.method_name", lambda method: "noise")
    teacher = zskt.load_teacher(next(pair()), input_size=SIZE, mean=(0.5,), std=(0.5,))
    result = zskt.distill(teacher, "resnet-8", method=Endless(batch_size=4, student_steps=1))
    assert 0 < result.history[-1]["round"] < 10**6
    told = capsys.readouterr().out
    assert "this run takes 0.1 minutes instead; all 1,000,000,000 rounds" in told


def test_minutes_that_are_over_before_the_first_round_are_refused(tmp_path):
    teacher = zskt.load_teacher(next(pair()), input_size=SIZE)
    run, out = zskt.Run(minutes=0.001), tmp_path / "run"
    with pytest.raises(zskt.UserError, match="are over before the first round"):
        zskt.distill(teacher, "resnet-8", run=run, out=out, progress=False)
    assert not out.exists()


def test_a_round_that_cannot_fit_is_refused_with_one_that_does(monkeypatch):
    teacher = zskt.load_teacher(next(pair()), input_size=SIZE)
    monkeypatch.setattr(distill_run, "free_bytes", lambda device: 4_000_000)
    with pytest.raises(zskt.UserError, match=r"GB are free; take batches of \d+ images"):
        zskt.distill(teacher, "resnet-8", method=ZSKT(batch_size=4096), progress=False)


@pytest.mark.parametrize(("load", "told"), [(0.1, False), (1.9, True)])
def test_a_busy_machine_is_told(monkeypatch, load, told):
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0, 0))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    sentence = plan.busy(2 if not told else 1)
    assert (sentence is not None) == told


def test_the_command_prints_the_plan(capsys, tmp_path):
    teacher = "src/zskt/assets/digits-teacher.safetensors"
    words = ["--method", "noise", "--batch-size", 4, "--seconds", 0, "--rounds", 12]
    assert command("plan", teacher, "wrn-10-1", *words, "--results", tmp_path / "plan.json") == 0
    told = capsys.readouterr().out
    assert "for 12 rounds: 480 images made, 480 taught from." in told
    assert "--minutes 20 would buy" in told
    assert (tmp_path / "plan.json").is_file()


@pytest.mark.parametrize("seconds", [-1, "nan", "inf"])
def test_a_trial_that_would_not_end_is_refused(capsys, seconds):
    teacher = "src/zskt/assets/digits-teacher.safetensors"
    assert command("plan", teacher, "wrn-10-1", "--seconds", seconds) == 2
    assert "--seconds must be zero or above" in capsys.readouterr().err
