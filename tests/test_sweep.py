"""Grids from a file, and the one place that puts many runs in order: here, or on a Ray cluster."""

import json
import os
import signal
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import zskt as package
from players import zskt
from zskt import Run, TeacherOptions, UserError, sweep
from zskt.distillation.stopping import Stopped
from zskt.experiments import leaderboard_runs, on_ray, order
from zskt.experiments.live_table import LiveTable, last_row
from zskt.experiments.placing import Placing, Task, placed
from zskt.experiments.protocol import PROTOCOLS
from zskt.experiments.specs import beliefs, finetuned, scratch, teacher, zero_shot
from zskt.experiments.store import FinishedRun, RunStore
from zskt.experiments.sweep_spec import read
from zskt.measure import ranks
from zskt.measure.ranks import rank_correlation, spearman
from zskt.runs.folder import RunFolder

DIGITS = Path(package.__file__).parent / "assets" / "digits-teacher.safetensors"
GRID = {
    "name": "grid",
    "teachers": [str(DIGITS)],
    "students": ["wrn-10-1"],
    "methods": ["zskt"],
    "run": {"rounds": 2},
    "settings": {"zskt": {"batch_size": 4, "generator_width": 8}},
}
QUIET = {"device": "cpu", "precision": "32", "progress": False}


def test_a_grid_has_every_choice_of_every_side():
    settings = {"zskt": {"batch_size": [4, 8], "clip": 1, "discrepancy": ["kl", "js"]}}
    spec = read({**GRID, "methods": ["zskt", "noise"], "seeds": [0, 3], "settings": settings})
    chosen = [dict(changes) for name, changes in spec.methods if name == "zskt"]
    assert len(chosen) == 4
    assert {(each["batch_size"], each["discrepancy"]) for each in chosen} == {
        (4, "kl"), (4, "js"), (8, "kl"), (8, "js"),
    }  # fmt: skip
    assert {type(each["clip"]) for each in chosen} == {float}
    assert spec.methods[-1] == ("noise", ())
    assert (spec.run.rounds, spec.seeds, spec.out) == (2, (0, 3), Path("runs/sweeps"))


def test_settings_that_are_nearly_written_the_same_have_two_folders(tmp_path):
    rates = {"student_learning_rate": [1e30, 1e-30], "batch_size": 4}
    spec = read({**GRID, "settings": {"zskt": rates}})
    terms = leaderboard_runs.Terms(
        options=TeacherOptions(), run=Run(rounds=2, device="cpu", precision="32"), data=None,
        data_dir=tmp_path, belief_images=0, progress=False,
    )  # fmt: skip
    entries = leaderboard_runs.entries_of(
        {"t": DIGITS}, spec.students, spec.methods, spec.seeds, terms, tmp_path
    )
    assert len({entry.folder for entry in entries}) == 2
    assert {entry.settings.student_learning_rate for entry in entries} == {1e30, 1e-30}
    with pytest.raises(UserError, match="two runs would have one folder"):
        leaderboard_runs.entries_of(
            {"t": DIGITS}, spec.students, spec.methods * 2, spec.seeds, terms, tmp_path
        )


WRONG = {
    "lacks the field 'students'": {"students": None},
    "in the sweep: unknown field 'sedes'; did you mean seeds": {"sedes": [1]},
    "the field 'job' must be": {"job": "train"},
    "the field 'name' must be up to 100 letters": {"name": "../up"},
    "the field 'teachers' must be a list, not 'wrn'": {"teachers": "wrn"},
    "the field 'teachers' must be text, not '3'": {"teachers": [3]},
    "the field 'seeds' must be a whole number, not 'True'": {"seeds": [True]},
    "the field 'seeds' must hold numbers of zero": {"seeds": [-1]},
    "the field 'seeds' must be a list of different values": {"seeds": [1, 1]},
    "unknown method 'zsk'": {"methods": ["zsk"], "settings": {}},
    "in settings: unknown field 'noise'": {"settings": {"noise": {}}},
    "in settings.zskt: unknown field 'bach_size'": {"settings": {"zskt": {"bach_size": 4}}},
    "'settings.zskt.batch_size' must be a whole number": {
        "settings": {"zskt": {"batch_size": 0.5}}
    },
    "`batch_size` must be above zero": {"settings": {"zskt": {"batch_size": [4, 0]}}},
    "in settings.zskt.discrepancy: unknown value 'k'": {"settings": {"zskt": {"discrepancy": "k"}}},
    "'settings.zskt.clip' must be a number": {"settings": {"zskt": {"clip": 10**400}}},
    "'settings.zskt.batch_size' must be a whole number, not '[4]'": {
        "settings": {"zskt": {"batch_size": [[4], {}]}}
    },
    "`rounds` must be below 2**63": {"run": {"rounds": 2**64}},
    "in run: unknown field 'device'": {"run": {"rounds": 2, "device": "cuda"}},
    "needs `rounds` or `minutes`": {"run": {}},
    "give `rounds` or `minutes`, not both": {"run": {"rounds": 2, "minutes": 1}},
    "'out' must be a folder within": {"out": "/etc"},
    "must be a folder within the one that you work in": {"out": "a/../../b"},
    "runs, and at most 10,000 are made": {"seeds": list(range(10_001))},
    "was made with the code of os:getcwd": {"students": ["os:getcwd"]},
    "fetches hf:some/thing": {"teachers": ["hf:some/thing"]},
    "there is no file none.onnx": {"teachers": ["none.onnx"]},
    "unknown network 'wrn'": {"students": ["wrn"]},
}


@pytest.mark.parametrize(("sentence", "changes"), WRONG.items(), ids=WRONG)
def test_a_wrong_field_is_one_sentence_and_nothing_runs(sentence, changes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = {name: value for name, value in {**GRID, **changes}.items() if value is not None}
    with pytest.raises(UserError) as error:
        sweep(spec, **QUIET)
    assert sentence in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_sweep_exits_with_2(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no.toml").write_text("name = [")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "deep.toml").write_text("a = " + "[" * 5000)
    (tmp_path / "large.toml").write_text("#" * (2**20 + 1))
    wrong = dict.fromkeys(("no.toml", "bytes.toml", "deep.toml"), "is not TOML")
    wrong["large.toml"] = "too large"
    for file, sentence in {**wrong, "none.toml": "there is no file none.toml"}.items():
        assert zskt("sweep", file) == 2
        assert sentence in capsys.readouterr().err


def test_a_sweep_from_the_command_line_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "grid.toml").write_text(f"""
        name = "grid"
        out = "here"
        data = "digits"
        teachers = ["{DIGITS}"]
        students = ["wrn-10-1"]
        methods = ["zskt"]
        seeds = [0, 1]
        [run]
        rounds = 2
        [settings.zskt]
        batch_size = 4
        generator_width = 8
        student_learning_rate = [1e-3, 1e30]
    """)
    words = ("sweep", "grid.toml", "--device", "cpu", "--precision", "32")
    job, made = leaderboard_runs.distill, []

    def stops(*networks, out=None, **options):
        if len(made) == 2:
            raise Stopped("Ctrl-C")
        made.append(out)
        return job(*networks, out=out, **options)

    with monkeypatch.context() as patch:
        patch.setattr(leaderboard_runs, "distill", stops)
        assert zskt(*words) == 130
    assert "give the same command to go on" in capsys.readouterr().err
    assert len(json.loads(Path("here/grid.json").read_text())["rows"]) >= 1
    assert zskt(*words) == 0
    assert "2 of 4 runs are left to make." in capsys.readouterr().out
    result = json.loads(Path("here/grid.json").read_text())
    means, rows = result["rows"][:2], result["rows"][2:]
    assert [row["student_learning_rate"] for row in rows] == [1e-3, 1e30] * 2
    assert [row["seed"] for row in rows] == [0, 0, 1, 1]
    assert all("no longer finite" in row["diverged"] for row in rows[1::2])
    assert means[0]["seed"] == "mean of 2"
    assert means[0]["accuracy"] == pytest.approx((rows[0]["accuracy"] + rows[2]["accuracy"]) / 2)
    assert means[1]["diverged"] == "2 of 2"
    assert {run["batch_size"] for run in result["runs"]} == {4}
    monkeypatch.setattr(leaderboard_runs, "distill", stops)
    again = sweep(Path("grid.toml"), **QUIET)
    assert again.rows == rows


def test_placing_is_checked_before_anything_runs():
    for sentence, given in {
        "are for runs on Ray": {"cores_per_run": 2},
        "`cores_per_run` must be at least 1": {"ray": True, "cores_per_run": 0},
        "`gpus_per_run` must be a share": {"ray": True, "gpus_per_run": 1.5},
    }.items():
        with pytest.raises(UserError, match=sentence):
            Placing(**given)
    with pytest.raises(UserError, match="without a number"):
        Placing(ray=True).check("cuda:1")
    assert Placing(ray=True).gpus("cuda") == 1.0
    assert Placing(ray_address="auto", gpus_per_run=0.5).gpus("cuda") == 0.5
    nodes = [{"Alive": True, "Resources": {"CPU": 4.0}}, {"Alive": False, "Resources": {"GPU": 8}}]
    on_ray.check_room(nodes, 4, 0)
    with pytest.raises(UserError, match="no machine of the Ray cluster has 2 cores and 1 GPUs"):
        on_ray.check_room(nodes, 2, 1)


def test_runs_stand_behind_those_that_they_need(tmp_path):
    protocol = PROTOCOLS["digits"]
    store = RunStore(tmp_path / "runs", protocol, data="digits", device="cpu", precision="32")
    run = zero_shot("wrn-16-2", "wrn-10-1", 0)
    tasks = order.tasks_of(store, [beliefs(run), finetuned(run, 5), scratch("wrn-10-1", 0)])
    names = [task.name for task in tasks]
    assert names[:3] == [teacher("wrn-16-2").name, run.name, beliefs(run).name]
    assert len(names) == len(set(names)) == 5
    for task in tasks:
        assert all(names.index(each) < names.index(task.name) for each in task.needs)
    given = tmp_path / "teachers"
    given.mkdir()
    (given / "wrn-16-2.safetensors").write_bytes(DIGITS.read_bytes())
    other = RunStore(
        tmp_path / "other", protocol, data="digits", teachers=given, device="cpu", precision="32"
    )
    assert [task.name for task in order.tasks_of(other, [run])] == [run.name]


def test_the_table_tells_how_far_each_run_is(tmp_path):
    metrics = tmp_path / "metrics.jsonl"
    assert last_row(metrics) == {}
    metrics.write_text('{"round": 1}\n{"round": 20, "student_accuracy": 0.5}\n{"round": 3')
    assert last_row(metrics) == {"round": 20, "student_accuracy": 0.5}
    metrics.write_text("")
    assert last_row(metrics) == {}
    table = LiveTable({"a": tmp_path, "b": tmp_path / "none"}, shown=False)
    table.news("a", "runs")
    assert table.table().title == "1 runs, 1 waits"
    table.news("a", "finished", place="here")
    assert table.states == {"a": "finished", "b": "waits"}
    assert table.places == {"a": "here"}


def test_ranks_and_their_intervals(monkeypatch):
    monkeypatch.setattr(ranks, "DRAWS", 200)
    first = np.array([1.0, 2, 2, 5])
    assert spearman(first, -first) == pytest.approx(-1)
    assert spearman(first, np.ones(4)) is None
    rows, columns = (each.ravel() for each in np.mgrid[:6, :6])
    noise = np.random.default_rng(0).normal(size=36)
    strong = rank_correlation(rows + 0.1 * noise, rows.astype(float), rows, columns)
    assert strong.value > 0.9
    assert 0.8 < strong.low < strong.high <= 1
    none = rank_correlation(noise, rows.astype(float), rows, columns)
    assert none.low < 0 < none.high


class RayError(Exception):
    def __init__(self, cause=None):
        super().__init__("lost")
        self.cause = cause


class Cluster:
    """What of Ray is used, without processes: each task is made when it is handed over."""

    exceptions = SimpleNamespace(RayError=RayError)

    def __init__(self):
        self.came, self.asked = [], []

    def remote(self, function):
        def begin(*given):
            try:
                self.came.append((function(*given), None))
            except UserError as error:
                self.came.append((None, RayError(error)))
            except RayError as error:
                self.came.append((None, error))
            return len(self.came) - 1

        def options(**asked):
            self.asked.append(asked)
            return SimpleNamespace(remote=begin)

        return SimpleNamespace(options=options)

    def wait(self, references, timeout, num_returns=1):
        return references[:num_returns], references[num_returns:]

    def get(self, reference):
        result, error = self.came[reference]
        if error is not None:
            raise error
        return result


def lost_until(counts, name, enough):
    counts[name] = counts.get(name, 0) + 1
    if counts[name] < enough:
        raise RayError
    return FinishedRun(Path(name), {}, 0.0)


def refuses():
    raise UserError("there is no such folder here")


def test_lost_tasks_go_on_and_no_failure_keeps_the_others_from_being_made(tmp_path, capsys):
    counts, threads = {}, torch.get_num_threads()
    tasks = [
        Task(name="lost once", folder=tmp_path, make=partial(lost_until, counts, "a", 2)),
        Task(name="always lost", folder=tmp_path, make=partial(lost_until, counts, "b", 99)),
        Task(name="wrong", folder=tmp_path, make=refuses),
        Task(name="after", folder=tmp_path, make=list, needs=("lost once", "not asked for")),
        Task(name="never", folder=tmp_path, make=list, needs=("wrong",)),
    ]
    cluster = Cluster()
    table = LiveTable({task.name: tmp_path for task in tasks}, shown=True)
    work = on_ray.Work(cluster, threads, 0.5, {task.name: task for task in tasks}, table)
    came = []
    with pytest.raises(UserError, match="3 of 5 runs failed, first wrong: there is no such folder"):
        came.extend(name for name, _ in work.results())
    assert came == ["lost once", "after"]
    assert counts == {"a": 2, "b": on_ray.TRIES}
    assert cluster.asked[0]["num_gpus"] == 0.5
    shown = capsys.readouterr().err
    assert "lost once: goes on" in shown
    assert "always lost: failed, its worker was lost (" in shown
    assert work.failed["never"] == "what it needs failed"


def test_in_sequence_nothing_else_is_asked_for(tmp_path, capsys):
    tasks = [Task(name=name, folder=tmp_path, make=partial(str, name)) for name in "ab"]
    came = list(placed(tasks, Placing(), device="cpu", progress=True))
    assert came == [("a", "a"), ("b", "b")]
    assert capsys.readouterr().out == "a: run 1 of 2\nb: run 2 of 2\n"


@pytest.mark.cluster
def test_on_a_cluster_a_killed_run_ends_as_if_nothing_had_happened(tmp_path, monkeypatch):
    """A worker is killed in the middle of a run, on a real cluster; another run diverges."""
    pytest.importorskip("ray")
    monkeypatch.chdir(tmp_path)
    run = {"rounds": 30, "save_seconds": 0.02, "record_every": 1}
    settings = {"batch_size": 4, "generator_width": 8, "student_learning_rate": [1e-3, 1e30]}
    grid = {**GRID, "run": run, "settings": {"zskt": settings}, "data": "digits"}
    whole = sweep(grid, out=tmp_path / "whole", **QUIET)
    (victim,) = (each.name for each in (tmp_path / "whole" / "grid").glob("*-0.001-seed-0"))
    killed, done = list[int](), threading.Event()

    def kill():
        """Strike the worker once it is well on its way."""
        folder = tmp_path / "ray" / "grid" / victim
        while not done.is_set() and last_row(folder / "metrics.jsonl").get("round", 0) < 5:
            time.sleep(0.002)
        killed.extend(workers_on(victim))
        for process in killed:
            os.kill(process, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        here = sweep(grid, out=tmp_path / "ray", placing=Placing(ray=True), **QUIET)
    finally:
        done.set()
        thread.join()
    assert len(killed) == 1
    assert "no longer finite" in here.rows[1]["diverged"]
    times = {name: 0 for name in here.rows[0] if "seconds" in name}
    assert {**here.rows[0], **times} == {**whole.rows[0], **times}
    folders = [tmp_path / each / "grid" / victim for each in ("whole", "ray")]
    ours, theirs = (load_file(folder / "student.safetensors") for folder in folders)
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert [row["round"] for row in RunFolder(folders[1]).metrics()] == [*range(1, 31)]


def workers_on(task):
    """Processes of Ray that make a task, by the title that it gives them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_bytes().startswith(f"ray::{task}".encode()):
                found.append(int(process.name))
        except OSError:
            continue
    return found
