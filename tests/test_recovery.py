"""Numbers that break: back to the last checkpoint, and on at half the learning rates."""

import json
from dataclasses import dataclass, replace

import pytest
import torch

import zskt
from players import SIZE, TIMES, make_session, quick, same_weights
from zskt.distillation.stopping import StopRequest
from zskt.errors import DivergedError
from zskt.methods.noise import Noise
from zskt.runs.checkpoint import write_state
from zskt.runs.folder import RunFolder

ROUNDS = 8


@dataclass(frozen=True, kw_only=True)
class Breaking(Noise):
    """Learns from noise, and breaks."""

    breaks: tuple = ()
    """Rounds, each in the order in which it is to break; afterwards it is whole."""
    of_weights: bool = False
    """Not the loss is broken, but a weight."""

    def rounds(self, session):
        """As its parent's."""
        for played in super().rounds(session):
            number = round(session.progress * ROUNDS) + 1
            if left[:1] == [number]:
                left.pop(0)
                if self.of_weights:
                    session.student.head.weight.data[0, 0] = torch.inf
                else:
                    played.metrics["student_loss"] = torch.tensor(torch.nan)
            yield played


left = []
"""Rounds that are still to break."""


def distil(teacher, *, breaks=(), out=None, of_weights=False, **settings):
    left[:] = breaks
    plain = quick("noise", batch_size=4)
    fields = {name: getattr(plain, name) for name in vars(plain)}
    method = Breaking(**fields, of_weights=of_weights) if breaks else plain
    run = replace(
        zskt.Run(rounds=ROUNDS, device="cpu", precision="32", record_every=1, save_seconds=0),
        **settings,
    )
    torch.manual_seed(0)
    student = zskt.create("wrn-10-1", classes=10, input_size=SIZE)
    loaded = zskt.load_teacher(teacher, input_size=SIZE)
    return zskt.distill(loaded, student, method=method, run=run, out=out, progress=False)


def without_times(rows):
    return [{**row, **TIMES} for row in rows]


@pytest.fixture
def told(monkeypatch):
    said = []
    monkeypatch.setattr("zskt.progress.ProgressLine.say", lambda self, text: said.append(text))
    return said


@pytest.mark.parametrize("of_weights", [False, True])
def test_a_run_goes_back_and_on_at_half_the_rates(tmp_path, teacher, told, of_weights):
    result = distil(teacher, breaks=[5], out=tmp_path / "run", of_weights=of_weights)
    (recovered,) = result.recovered
    assert (recovered["round"], recovered["back_to"]) == (5, 4)
    assert recovered["broken"] == ("a weight of the student" if of_weights else "student_loss")
    assert any("goes on from round 4 with 0.5 times its learning rates" in each for each in told)
    rows = RunFolder(tmp_path / "run").metrics()
    assert [row["round"] for row in rows] == list(range(1, ROUNDS + 1))
    assert [row.get("rate_factor") for row in rows] == [None] * 4 + [0.5] * 4
    assert result.history == rows
    written = json.loads((tmp_path / "run" / "result.json").read_text())
    assert written["settings"]["recovered"] == result.recovered
    assert '"rate_factor": [null, null' in (tmp_path / "run" / "report.html").read_text()


def test_it_is_the_run_that_was_stopped_there_with_that_rate(tmp_path, teacher):
    broken = distil(teacher, breaks=[5], out=tmp_path / "broken")
    distil(teacher, out=tmp_path / "other", until=4)
    folder = RunFolder(tmp_path / "other")
    write_state(folder.checkpoint_file, {**folder.state(), "recovered": broken.recovered})
    settings = folder.settings()
    settings["student"] = "wrn-10-1"
    folder.settings_file.write_text(json.dumps(settings))
    student = zskt.create("wrn-10-1", classes=10, input_size=SIZE)
    loaded = zskt.load_teacher(teacher, input_size=SIZE)
    other = zskt.distill(loaded, student, resume=tmp_path / "other", progress=False)
    assert same_weights(broken.student, other.student)
    assert without_times(broken.history) == without_times(other.history)
    assert not same_weights(broken.student, distil(teacher).student)


def test_stopped_after_it_the_run_keeps_its_rate(tmp_path, teacher, monkeypatch):
    whole = distil(teacher, breaks=[5], out=tmp_path / "whole")
    stopped = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        # At once after it went back, before the next checkpoint.
        made = RunFolder.rewind
        patch.setattr(RunFolder, "rewind", lambda self, number: (made(self, number), 1 / 0))
        with pytest.raises(ZeroDivisionError):
            distil(teacher, breaks=[5], out=stopped)
    assert RunFolder(stopped).state()["recovered"] == whole.recovered
    settings = RunFolder(stopped).settings()
    plain = quick("noise", batch_size=4)
    settings |= {"method": "noise", "method_settings": {**vars(plain)}}
    RunFolder(stopped).settings_file.write_text(json.dumps(settings))
    student = zskt.create("wrn-10-1", classes=10, input_size=SIZE)
    loaded = zskt.load_teacher(teacher, input_size=SIZE)
    again = zskt.distill(loaded, student, resume=stopped, progress=False)
    assert same_weights(again.student, whole.student)
    assert without_times(again.history) == without_times(whole.history)


@pytest.mark.parametrize("folder", [True, False])
def test_before_the_first_checkpoint_it_begins_anew(tmp_path, teacher, folder):
    out = tmp_path / "run" if folder else None
    result = distil(teacher, breaks=[2, 3], out=out, save_seconds=1000)
    assert [each["back_to"] for each in result.recovered] == [0, 0]
    assert [row["rate_factor"] for row in result.history] == [0.25] * ROUNDS


def test_without_a_folder_it_goes_back_to_what_is_in_memory(tmp_path, teacher):
    breaks = [5, 5]
    there = distil(teacher, breaks=breaks, out=tmp_path / "run")
    memory = distil(teacher, breaks=breaks)
    assert [each["back_to"] for each in memory.recovered] == [4, 4]
    assert same_weights(there.student, memory.student)
    assert without_times(there.history) == without_times(memory.history)


def test_steps_are_shorter_and_gradients_clipped_after_it(teacher, student):
    session = make_session(teacher, student)
    sgd = session.sgd("sgd", student, weight_decay=0)
    session.ready()
    weight = student.head.weight
    lengths = []
    for factor, clip, own in ((1.0, None, None), (0.5, 2.0, None), (1.0, 2.0, 3.0)):
        session.rate_factor, session.clip = factor, clip
        before = weight.detach().clone()
        sgd.state.clear()
        session.descend(7 * weight.sum() / weight.numel() ** 0.5, sgd, 0.1, own)
        lengths.append((weight.detach() - before).norm().item())
    # Nesterov's first step is 1.9 times as long as the gradient.
    assert lengths == pytest.approx([1.9 * 0.1 * each for each in (7, 0.5 * 2, 3)], rel=1e-3)


def test_after_the_last_recovery_the_run_ends(tmp_path, teacher):
    with pytest.raises(DivergedError, match="in round 6 student_loss is no longer finite"):
        distil(teacher, breaks=[5, 6, 6], out=tmp_path / "run")
    state = RunFolder(tmp_path / "run").state()
    assert (state["round"], len(state["recovered"])) == (5, 2)
    assert not (tmp_path / "run" / "student.safetensors").exists()


def test_none_may_be_asked_for(tmp_path, teacher):
    with pytest.raises(DivergedError, match="in round 5"):
        distil(teacher, breaks=[5], out=tmp_path / "run", recoveries=0)
    assert "recovered" not in RunFolder(tmp_path / "run").state()
    for wrong in (-1, 2**63):
        with pytest.raises(zskt.UserError, match="`recoveries` must be"):
            zskt.Run(recoveries=wrong)


def test_the_clock_goes_on_and_the_student_is_written(tmp_path, teacher, monkeypatch):
    """The time of the run is over when it breaks: it plays a last round and ends as any run."""
    result = distil(teacher, breaks=[8], out=tmp_path / "run")
    assert [row["round"] for row in result.history][-1] == ROUNDS
    from zskt.distillation.budget import Budget

    monkeypatch.setattr(Budget, "paused", lambda self: self.round >= 3 or bool(over))
    over = []
    made = Budget.go_back

    def go_back(self, round):
        made(self, round)
        if round:
            over.append(True)

    monkeypatch.setattr(Budget, "go_back", go_back)
    late = distil(teacher, breaks=[3], out=tmp_path / "late")
    assert [row["round"] for row in late.history] == [1, 2, 3]
    assert (tmp_path / "late" / "student.safetensors").exists()


def test_a_stop_at_a_round_that_breaks_is_still_a_stop(tmp_path, teacher, monkeypatch):
    monkeypatch.setattr(StopRequest, "made", True)
    monkeypatch.setattr(StopRequest, "__init__", lambda self: None)
    with pytest.raises(KeyboardInterrupt):
        distil(teacher, breaks=[1], out=tmp_path / "run")
    assert RunFolder(tmp_path / "run").state()["round"] == 1
