"""Leaderboards: methods on equal terms, each run made once, told with what seeds allow to say."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch

import zskt as package
from players import zskt
from zskt import UserError, leaderboard
from zskt.distillation.stopping import Stopped, StopRequest
from zskt.errors import DivergedError
from zskt.experiments import leaderboard_judged, leaderboard_runs
from zskt.experiments import leaderboard_rows as told
from zskt.measure.verdict import inverted
from zskt.model_file import Card, write_network
from zskt.networks import create
from zskt.reports.leaderboard import accuracy_over_time
from zskt.runs.folder import RunFolder

DIGITS = Path(package.__file__).parent / "assets" / "digits-teacher.safetensors"
METHODS = "dfad", "noise"
NEW = ("images_made", "images_seen", "seconds_making", "seconds_teaching")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to work in, with small batches so that rounds take no time."""
    monkeypatch.chdir(tmp_path)

    def small(name, of=leaderboard_runs.method_class):
        return lambda: of(name)(batch_size=4)

    # The same in both files: what is expected of a run's settings and what is played.
    monkeypatch.setattr(leaderboard_runs, "method_class", small)
    quickly = partial(inverted.inverted, steps=2)
    monkeypatch.setattr(inverted, "inverted", quickly)
    return tmp_path


def board(*teachers, **changes):
    asked = {"student": "wrn-10-1", "methods": METHODS, "rounds": 2, "device": "cpu"}
    asked |= {"belief_images": 2, "progress": False}
    return leaderboard(teachers or DIGITS, **asked | changes)


def never(*arguments, **options):
    raise AssertionError("played again")


def written(name="digits-teacher-wrn-10-1-2rounds"):
    return json.loads(Path(f"results/leaderboard/{name}.json").read_text())


def test_methods_stand_beside_each_other(here, monkeypatch):
    made = board(data="digits")
    assert {row["method"] for row in made.rows} == set(METHODS)
    for row in made.rows:
        assert (row["teacher"], row["seed"]) == ("digits-teacher", 0)
        assert row["verdict"] in ("good", "doubtful", "failed")
        for name in ("accuracy", "average_accuracy", "agreement", "mean_transition_error"):
            assert 0 <= row[name] <= 1
        folder = Path(f"runs/leaderboard/digits-teacher-wrn-10-1-2rounds-{row['method']}-seed-0")
        last = RunFolder(folder).metrics()[-1]
        assert {name: row[name] for name in NEW} == {name: last[name] for name in NEW}
        spent = row["seconds_making"] + row["seconds_teaching"] + row["seconds_rest"]
        assert spent == pytest.approx(row["seconds"])
    assert made.rows[0]["accuracy"] >= made.rows[1]["accuracy"]
    assert made.summary == []
    assert made.advice == [made.advice[0]]
    assert f"digits-teacher: {made.rows[0]['method']} reaches" in made.advice[0]
    assert "one seed cannot tell" in made.advice[0]
    result = written()
    assert result["rows"] == made.rows
    assert (result["seed"], result["settings"]["rounds"]) == (0, 2)
    assert result["settings"]["methods"].keys() == set(METHODS)
    for run in result["runs"]:
        assert len(run["curve"]) == 2
        assert run["machine"]["cpu"] == result["machine"]["cpu"]
    assert [file.suffix for file in made.files] == [".json", ".png", ".html"]
    assert made.files[1].stat().st_size > 1000

    monkeypatch.setattr(leaderboard_runs, "distill", never)
    monkeypatch.setattr(leaderboard_judged, "beliefs", never)
    again = board(data="digits")
    assert (again.rows, again.curves) == (made.rows, made.curves)
    with pytest.raises(UserError, match="a run of another data; give another `runs`"):
        board()


def test_an_interrupted_board_has_rows_and_goes_on(here, monkeypatch):
    job, stopped = leaderboard_runs.distill, []

    def cut_short(*networks, method=None, **options):
        """Ctrl-C in the first round of the second method."""
        if type(method).__name__ != "Noise":
            return job(*networks, method=method, **options)
        stopped.append(options["out"])
        with monkeypatch.context() as patch:
            patch.setattr(StopRequest, "made", True)
            patch.setattr(StopRequest, "__init__", lambda self: None)
            return job(*networks, method=method, **options)

    with monkeypatch.context() as patch:
        patch.setattr(leaderboard_runs, "distill", cut_short)
        with pytest.raises(Stopped, match="give the same command to go on"):
            board()
    assert [row["method"] for row in written()["rows"]] == ["dfad"]
    assert RunFolder(stopped[0]).state()["round"] == 1
    played = []

    def watched(*networks, **options):
        played.append(options)
        return job(*networks, **options)

    monkeypatch.setattr(leaderboard_runs, "distill", watched)
    made = board()
    assert [options["resume"] for options in played] == stopped
    assert [row["round"] for row in RunFolder(stopped[0]).metrics()] == [1, 2]
    # Without data there are no accuracies, no curves and no picture.
    assert {row["accuracy"] for row in made.rows} == {None}
    assert [run["curve"] for run in made.curves] == [[], []]
    assert [file.suffix for file in made.files] == [".json", ".html"]
    assert made.rows[0]["predicted_share"] >= made.rows[1]["predicted_share"]
    assert "is predicted to keep" in made.advice[0]


def test_several_teachers_and_seeds_and_one_that_diverges(here, monkeypatch, capsys):
    other = here / "other.safetensors"
    card = Card(architecture="wrn-10-1", input_size=(1, 8, 8), classes=10, mean=(0.5,), std=(0.2,))
    torch.manual_seed(0)
    write_network(other, create("wrn-10-1", classes=10, input_size=(1, 8, 8)), card)
    job = leaderboard_runs.distill

    def diverges(teacher, *student, method, **options):
        if Path(teacher) == other and type(method).__name__ == "DFAD":
            raise DivergedError("in round 1 student_loss is no longer finite")
        return job(teacher, *student, method=method, **options)

    monkeypatch.setattr(leaderboard_runs, "distill", diverges)
    words = (DIGITS, other, "--student", "wrn-10-1", "--methods", *METHODS, "--seeds", 0, 1)
    assert zskt("leaderboard", *words, "--rounds", 2, "--device", "cpu", "--name", "both") == 0
    shown = capsys.readouterr().out
    assert "8 of 8 runs are left to play, 2 rounds each." in shown
    assert "no longer finite" in shown
    assert "other: noise is predicted to keep" in shown
    rows = written("both")["rows"]
    means, runs = rows[:4], rows[4:]
    assert [row["teacher"] for row in runs] == ["digits-teacher"] * 4 + ["other"] * 4
    assert [row["seed"] for row in means[:3]] == ["mean of 2"] * 3
    lost = means[3]
    assert (lost["method"], lost["seed"], lost["diverged"]) == ("dfad", "mean of 0", "2 of 2")
    assert all("no longer finite" in row["diverged"] for row in runs[-2:])
    pair = [row["predicted_share"] for row in runs if row["method"] == means[0]["method"]][:2]
    assert means[0]["predicted_share"] == pytest.approx(sum(pair) / 2)
    # Shares of runs that were too short to have one are measured once.
    monkeypatch.setattr(leaderboard_judged, "verdict", never)
    monkeypatch.setattr(leaderboard_runs, "distill", never)
    assert zskt("leaderboard", *words, "--rounds", 2, "--device", "cpu") == 0
    assert "0 of 8 runs are left" in capsys.readouterr().out


def mean(method, accuracy, spread, **more):
    share = {"predicted_share": 0.5, "predicted_share_std": 0.1, "verdict": "1 doubtful"}
    about = {"method": method, "teacher": "t", "accuracy": accuracy, "accuracy_std": spread}
    return {**about, **share, **more}


def test_a_lead_is_told_beside_the_spread_of_seeds():
    clear = told.advice([mean("a", 0.9, 0.01), mean("b", 0.85, 0.02)], several=True)
    assert clear == [
        "t: a reaches 90.00% accuracy and suits it best, 5.00 points before b; that is more than "
        "the spread of their seeds (1.00 and 2.00)."
    ]
    (near,) = told.advice([mean("a", 0.9, 0.04), mean("b", 0.85, 0.02)], several=True)
    assert "within the spread of their seeds" in near
    (few,) = told.advice([mean("a", 0.9, None), mean("b", 0.85, 0.02)], several=True)
    assert "a single finished run" in few
    (lost,) = told.advice([mean("a", 0.9, 0.1, diverged="1 of 3")], several=True)
    assert lost == "t: a reaches 90.00% accuracy (1 of 3 runs diverged); no other method stands " \
        "beside it."  # fmt: skip
    assert told.advice([{"method": "a", "teacher": "t"}], several=False) == [
        "t: every run diverged."
    ]
    (unknown,) = told.advice([mean("a", None, None, predicted_share=None)], several=False)
    assert unknown.endswith("no student of it can be judged by a number; give `data`.")


def test_the_picture_has_a_line_a_run_and_a_name_a_method():
    curves = [
        {"method": method, "curve": [[60, 0.2], [600, end]]}
        for method, end in (("a", 0.5), ("a", 0.7), ("b", 0.9))
    ]
    figure = accuracy_over_time(curves, "title")
    (axes,) = figure.axes
    assert sum(len(line.get_xdata()) == 2 for line in axes.lines) == 3
    assert axes.lines[0].get_xdata()[1] == 10
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["b, 90.0%", "a, 60.0%"]


WRONG = {
    "unknown method 'dfa'": {"methods": ("dfa",)},
    "`methods` must be different": {"methods": ("dfad", "dfad")},
    "`seeds` must be different": {"seeds": (1, 1)},
    "`seeds` must be different numbers of zero": {"seeds": (-1,)},
    "`seeds` must be different numbers of zero or above, below 2**63": {"seeds": (0, 2**63)},
    "`minutes` must be above zero": {"minutes": 0.0, "rounds": None},
    "`rounds` must be above zero": {"rounds": 0},
    "give `rounds` or `minutes`": {"minutes": 1.0},
    "`belief_images` must be zero": {"belief_images": -1},
    "unknown network 'wrn'": {"student": "wrn"},
    "there is no data file": {"data": "none.npz"},
    "the data has 1x8x8 images": {"data": "digits", "teachers": ("colour.safetensors",)},
    "give at least one teacher": {"teachers": ()},
    "there is no file none.onnx": {"teachers": ("none.onnx",)},
    "two teachers are called digits-teacher": {"teachers": (DIGITS, "digits-teacher")},
    "run has to find its teacher": {"teachers": (torch.nn.Identity(),)},
    "unknown device 'tpu'": {"device": "tpu"},
    "colour.safetensors; choose another place": {"out": Path("colour.safetensors") / "board"},
}


@pytest.mark.parametrize(("sentence", "changes"), WRONG.items(), ids=WRONG)
def test_what_is_wrong_is_told_before_anything_runs(sentence, changes, here, monkeypatch):
    card = Card(
        architecture="wrn-10-1", input_size=(3, 8, 8), classes=10, mean=(0.5,) * 3, std=(0.2,) * 3
    )
    write_network(
        here / "colour.safetensors", create("wrn-10-1", classes=10, input_size=(3, 8, 8)), card
    )
    monkeypatch.setattr(leaderboard_runs, "distill", never)
    teachers = changes.get("teachers", (DIGITS,))
    rest = {name: value for name, value in changes.items() if name != "teachers"}
    asked = {"student": "wrn-10-1", "methods": METHODS, "rounds": 2, "device": "cpu", **rest}
    with pytest.raises(UserError) as error:
        leaderboard(teachers, progress=False, **asked)
    assert sentence in str(error.value)
    assert not (here / "runs").exists()
