"""Reproductions: the right runs, each made once, told beside what was published."""

import json
import shutil
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from players import zskt
from zskt.distillation.stopping import Stopped
from zskt.errors import UserError
from zskt.experiments import ablations, cost, figure_2, order, store, table_1
from zskt.experiments.catalogue import EXPERIMENTS
from zskt.experiments.experiment import over_seeds
from zskt.experiments.placing import Placing
from zskt.experiments.protocol import PROTOCOLS, Grid, shorter
from zskt.experiments.specs import beliefs, few_shot, finetuned, scratch, teacher, zero_shot
from zskt.experiments.store import FinishedRun, RunStore
from zskt.jobs import train_run
from zskt.measure import ranks
from zskt.methods.zskt import ZSKT
from zskt.runs.folder import RunFolder
from zskt.supervised.recipe import Recipe

TINY = replace(
    PROTOCOLS["digits"].scaled(0.001),
    pair=("wrn-10-2", "wrn-10-1"),
    pairs=(("wrn-10-2", "wrn-10-1"),),
    noise_networks=("wrn-10-1", "wrn-10-2"),
    grid=Grid(
        teachers=("wrn-10-2", "resnet-8"),
        students=("wrn-10-1", "timm:test_efficientnet_gn"),
        changes=(("clip", 4.0),),
        rounds=2,
        belief_images=2,
    ),
    rounds=2,
    method=ZSKT(batch_size=4, generator_width=8),
    # A teacher that tells the two classes apart, so that any student agrees with it on some images.
    teacher=Recipe(epochs=6, batch_size=10, learning_rate=0.05, padding=1),
    per_class=(1, 2),
    table_1_per_class=2,
    belief_images=4,
)


@pytest.fixture
def data(tmp_path):
    """Dark and bright images, so that networks agree on some."""
    random = np.random.default_rng(0)
    arrays = {}
    # More than a hundred of each class, the most that a small protocol learns.
    for part, count in (("train", 220), ("test", 30)):
        labels = np.arange(count) % 2
        pixels = random.integers(0, 100, (count, 8, 8)) + 100 * labels[:, None, None]
        arrays |= {f"{part}_images": pixels.astype(np.uint8), f"{part}_labels": labels}
    np.savez(tmp_path / "data.npz", **arrays)
    return str(tmp_path / "data.npz")


@pytest.fixture
def tiny(tmp_path, data):
    return RunStore(tmp_path / "runs", TINY, data=data, device="cpu", precision="32")


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_run_has_a_name_of_its_own(name):
    for protocol in PROTOCOLS.values():
        specs = cost.needed(EXPERIMENTS[name].specs(protocol, [0, 1]))
        assert len({run.name for run in specs}) == len(specs)


def test_the_papers_protocol():
    """What section 4.1 and the authors' scripts say."""
    paper = PROTOCOLS["cifar10"]
    assert paper.rounds == 80_000
    assert paper.method == ZSKT()
    assert PROTOCOLS["svhn"].rounds == 50_000
    assert len(table_1.specs(paper, [0, 1, 2])) == 6 * 3 * 2 + 3 * 3
    assert {run.per_class for run in table_1.specs(paper, [0])} == {None, 200}
    few = {run.per_class for run in figure_2.specs(paper, [0]) if run.kind == "finetune"}
    assert few == {10, 25, 50, 75, 100}


def test_scale_shrinks_lengths_alone():
    paper = PROTOCOLS["cifar10"]
    small = paper.scaled(0.01)
    assert (small.rounds, small.student.epochs, small.belief_images) == (800, 2, 100)
    assert replace(small.student, epochs=200) == paper.student
    assert small.pairs == paper.pairs
    assert shorter(paper.student, 1e-9).epochs == 1


def test_figure_2_is_made_once(tiny, tmp_path, monkeypatch):
    report = EXPERIMENTS["figure-2"].report(tiny, [0], tmp_path / "out")
    points = {(row["curve"], row["per_class"]): row for row in report.rows}
    assert points.keys() == {
        ("zero-shot", 0), ("zero-shot + M", 1), ("zero-shot + M", 2),
        *((curve, count) for curve in ("no teacher", "KD+AT") for count in (1, 2, "all")),
    }  # fmt: skip
    assert all(0 <= row["accuracy"] <= 1 and row["seeds"] == 1 for row in report.rows)
    assert (tmp_path / "out" / "figure-2.png").stat().st_size > 1000
    few = tiny.finished(few_shot("wrn-10-2", "wrn-10-1", 0, 2))
    settings = json.loads((few.path / "settings.json").read_text())
    assert settings["per_class"] == 2
    assert settings["distill_from"].endswith("teacher-wrn-10-2-seed-0/model.safetensors")

    def never(*arguments, **options):
        raise AssertionError("made again")

    for job in ("train", "distill", "finetune"):
        monkeypatch.setattr(store, job, never)
    again = EXPERIMENTS["figure-2"].report(tiny, [0], tmp_path / "out")
    assert again.rows == report.rows


def test_a_run_cut_short_goes_on(tiny, monkeypatch):
    run = zero_shot("wrn-10-2", "wrn-10-1", 0)
    whole = tiny.make(run)
    before = (whole.path / "student.safetensors").read_bytes()
    shutil.rmtree(whole.path)
    job = store.distill

    def cut_short(*networks, run, **options):
        return job(*networks, run=replace(run, until=1), **options)

    with monkeypatch.context() as patch:
        patch.setattr(store, "distill", cut_short)
        with pytest.raises(AssertionError):
            tiny.make(run)
    # It has a result, of one round of two, which must not be taken for the run's.
    assert (whole.path / "result.json").exists()
    assert tiny.finished(run) is None
    first = (whole.path / "checkpoint" / "state.safetensors").read_bytes()
    assert tiny.make(run).accuracy == whole.accuracy
    assert (whole.path / "student.safetensors").read_bytes() == before
    assert (whole.path / "checkpoint" / "state.safetensors").read_bytes() != first


@pytest.mark.parametrize("kind", ["teacher", "scratch", "few shot", "finetuned"])
def test_a_training_cut_short_goes_on(tiny, monkeypatch, kind):
    run = {
        "teacher": teacher("wrn-10-1"),
        "scratch": scratch("wrn-10-1", 1),
        "few shot": few_shot("wrn-10-2", "wrn-10-1", 0, per_class=2),
        "finetuned": finetuned(zero_shot("wrn-10-2", "wrn-10-1", 0), 2),
    }[kind]
    whole = tiny.make(run)
    weights = (whole.path / "model.safetensors").read_bytes()
    shutil.rmtree(whole.path)
    with monkeypatch.context() as patch:
        patch.setattr(train_run, "stop_request", lambda: nullcontext(SimpleNamespace(made=True)))
        with pytest.raises(Stopped):
            tiny.make(run)
    settings = (whole.path / "settings.json").read_bytes()
    with monkeypatch.context() as patch:
        # Whoever starts anew makes a folder.
        patch.setattr(RunFolder, "create", None)
        assert tiny.make(run).accuracy == whole.accuracy
    assert (whole.path / "model.safetensors").read_bytes() == weights
    assert (whole.path / "settings.json").read_bytes() == settings


def test_a_finetuned_student_starts_from_the_zero_shot_one(tiny):
    run = zero_shot("wrn-10-2", "wrn-10-1", 0)
    tuned = tiny.make(finetuned(run, 2))
    settings = json.loads((tuned.path / "settings.json").read_text())
    assert settings["init"] == str(tiny.finished(run).path / "student.safetensors")
    assert settings["per_class"] == 2


def test_table_2_judges_the_students_it_names(tiny, tmp_path):
    report = EXPERIMENTS["table-2"].report(tiny, [0], tmp_path / "out")
    assert [row["student"] for row in report.rows] == ["zero-shot", "KD+AT", "KD+AT M=2"]
    for row in report.rows:
        assert 0 <= row["mean_transition_error"] <= 1
        assert row["published_error"] is None
    few = tiny.finished(beliefs(few_shot("wrn-10-2", "wrn-10-1", 0)))
    assert report.rows[1]["mean_transition_error"] == few.row["mean_transition_error"]


@pytest.mark.parametrize("name", ["figure-1", "figure-3", "figure-5", "svhn", "table-1"])
def test_the_other_experiments(tiny, tmp_path, name):
    report = EXPERIMENTS[name].report(tiny, [0], tmp_path / "out")
    assert report.rows
    assert all(picture.stat().st_size > 100 for picture in report.pictures)
    if name.startswith("figure"):
        assert report.pictures


def test_every_teacher_of_a_grid_meets_every_student(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(ranks, "DRAWS", 20)
    report = EXPERIMENTS["pairs"].report(tiny, [0], tmp_path / "out")
    pairs = [(row["teacher"], row["student"]) for row in report.rows]
    assert pairs == [
        ("wrn-10-2", "wrn-10-1"), ("wrn-10-2", "timm:test_efficientnet_gn"),
        ("resnet-8", "wrn-10-1"), ("resnet-8", "timm:test_efficientnet_gn"),
    ]  # fmt: skip
    first, second, third = report.rows[:3]
    assert (first["same_family"], first["same_norm"]) == (1, 1)
    assert (second["same_family"], second["same_norm"], second["student_batch_norm"]) == (0, 0, 0)
    assert first["teacher_smoothness"] == second["teacher_smoothness"] > 0
    assert first["with_data_accuracy"] == third["with_data_accuracy"]
    told = {row["known_of_a_pair"]: row for row in report.tables["predictors"]}
    assert set(told["same norm"]) == {
        "known_of_a_pair", "student_accuracy", "agreement", "mean_transition_error",
        "to_data_accuracy",
    }  # fmt: skip
    # Both teachers have batch norm: what is the same everywhere predicts nothing.
    assert told["teacher batch norm"]["agreement"] is None
    assert [row["norm"] for row in report.tables["students"]] == ["batch", "group"]
    assert [picture.name for picture in report.pictures] == ["pairs.png"]
    run = tiny.finished(
        zero_shot("resnet-8", "wrn-10-1", 0, rounds=tiny.protocol.grid.rounds, clip=4.0)
    )
    # A pair is looked at once, at its end.
    assert [row["round"] for row in RunFolder(run.path).metrics() if "agreement" in row] == [2]
    settings = RunFolder(run.path).settings()
    assert (settings["run"]["rounds"], settings["method_settings"]["clip"]) == (2, 4.0)
    again = beliefs(zero_shot("resnet-8", "wrn-10-1", 0, rounds=2, clip=4.0), 2)
    assert RunFolder(tiny.finished(again).path).settings()["images"] == 2


def test_ablations_change_one_thing_each():
    paper = PROTOCOLS["cifar10"]
    variants = ablations.variants(paper.method)
    assert variants["as it is"] == {}
    for changes in list(variants.values())[1:]:
        assert len(changes) == 1
        assert replace(paper.method, **changes) != paper.method
    assert variants["half the batch size"] == {"batch_size": 64}
    assert variants["twice the clip"] == {"clip": 10.0}
    assert len(ablations.specs(paper, [0])) == len(variants) + 1


def test_ablations_are_told_beside_the_method(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(ablations, "DOUBLED", ("clip",))
    monkeypatch.setattr(ablations, "TERMS", ("blur",))
    report = EXPERIMENTS["ablations"].report(tiny, [0], tmp_path / "out")
    rows = {row["variant"]: row for row in report.rows}
    assert rows["as it is"]["to_as_it_is_accuracy_difference"] == 0
    changed = tiny.finished(zero_shot("wrn-10-2", "wrn-10-1", 0, extra="blur"))
    settings = json.loads((changed.path / "settings.json").read_text())
    assert settings["method_settings"]["extra"] == "blur"
    noise = tiny.finished(zero_shot("wrn-10-2", "wrn-10-1", 0, method="noise"))
    assert RunFolder(noise.path).settings()["method"] == "noise"
    assert "plain noise, no generator" in rows


def test_given_teachers_are_taken(tmp_path, data, tiny):
    teachers = tmp_path / "teachers"
    teachers.mkdir()
    file = tiny.make(scratch("wrn-10-2", 0)).path / "model.safetensors"
    (teachers / "wrn-10-2.safetensors").write_bytes(file.read_bytes())
    other = RunStore(tmp_path / "other", TINY, data=data, teachers=teachers, device="cpu")
    assert other.model("wrn-10-2") == teachers / "wrn-10-2.safetensors"
    assert other.model("wrn-10-1").parent.parent == tmp_path / "other"


def test_runs_of_another_protocol_do_not_mix(tmp_path, data, tiny):
    here = {"data": data, "device": "cpu", "precision": "32"}
    RunStore(tmp_path / "runs", TINY, **here)
    for protocol, changes in ((replace(TINY, rounds=3), {}), (TINY, {"precision": "bf16"})):
        with pytest.raises(UserError, match="another protocol"):
            RunStore(tmp_path / "runs", protocol, **{**here, **changes})


def test_the_command_writes_every_run_and_says_the_scale(tmp_path, data, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ("--data", data, "--protocol", "digits", "--scale", 0.005, "--seeds", 0, 1)
    name = "figure-3-data-as-digits-scale-0.005-seeds-0-1"
    assert zskt("reproduce", "figure-3", *words, "--device", "cpu") == 0
    assert "0.005 of full scale: 2 rounds" in capsys.readouterr().out
    result = json.loads(Path(f"results/figure-3/{name}.json").read_text())
    assert result["seeds"] == [0, 1]
    assert result["settings"]["scale"] == 0.005
    assert [run["run"] for run in result["runs"]] == [
        f"distill-wrn-16-2-to-wrn-10-1-seed-{seed}" for seed in (0, 1)
    ]
    pictures = Path(f"results/figure-3/{name.replace('figure-3-', 'pictures-')}")
    assert (pictures / "figure-3.png").is_file()
    # Another pair or other M share the folder of runs: their names tell them apart.
    chosen = ("--pair", "wrn-16-2", "wrn-10-1", "--per-class", 3)
    assert zskt("reproduce", "figure-3", *words, *chosen) == 0
    same = json.loads(
        Path(f"results/figure-3/{name}-wrn-16-2-to-wrn-10-1-per-class-3.json").read_text()
    )
    assert same["runs"] == result["runs"]
    assert zskt("reproduce", "figure-3", *words, "--flips") == 2
    assert "another protocol" in capsys.readouterr().err


def test_wrong_words_cost_nothing(tmp_path, data, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    wrong = {
        "there is no folder none": ("--protocol", "digits", "--teachers", "none"),
        "learns up to 200 images of each class and the data has 110": ("--protocol", "cifar10"),
        "there is no data file": ("--data", "none.npz"),
    }
    for sentence, words in wrong.items():
        given = words if "--data" in words else ("--data", data, *words)
        assert zskt("reproduce", "table-2", *given) == 2
        assert sentence in capsys.readouterr().err
        assert not (tmp_path / "runs").exists()


def test_published_numbers_stand_only_beside_the_same_data(tmp_path, data):
    """Not beside another protocol on the same data, nor other data by the same protocol."""
    places = {"cifar10": "cifar10", "cifar10.npz": "cifar10", data: None}
    for number, (name, published) in enumerate(places.items()):
        made = RunStore(tmp_path / str(number), PROTOCOLS["cifar10"], data=name, device="cpu")
        assert made.published == published
    other = RunStore(tmp_path / "other", PROTOCOLS["digits"], data="cifar10", device="cpu")
    assert other.published is None


def test_the_list_tells_what_each_costs(capsys):
    assert zskt("reproduce", "--list") == 0
    output = capsys.readouterr().out
    for name in EXPERIMENTS:
        assert name in output
    assert "80,000 rounds" in output
    assert zskt("reproduce", "--list", "--data", "digits") == 0
    assert "Protocol digits" in capsys.readouterr().out


def test_means_over_seeds():
    runs = [FinishedRun(Path(), {"test_accuracy": share}, 1.0) for share in (0.5, 0.7)]
    row = over_seeds(runs, 0.8)
    assert row["accuracy"] == pytest.approx(0.6)
    assert row["accuracy_std"] == pytest.approx(0.1)
    assert row["accuracy_difference"] == pytest.approx(-0.2)
    assert over_seeds(runs, None)["accuracy_difference"] is None


def test_cost_counts_every_run_and_teacher_once(monkeypatch):
    paper = PROTOCOLS["cifar10"]
    size = list(paper.input_size)
    rows = [
        {"kind": "train", "teacher": None, "student": "wrn-40-2", "seconds": 2.0},
        {"kind": "distill", "teacher": "wrn-40-2", "student": "wrn-16-1", "seconds": 3.0},
    ]
    rows = [{**row, "input_size": size, "device": "cpu"} for row in rows]
    monkeypatch.setattr(cost, "measured", lambda: {"rows": rows, "machines": {}})
    runs = [zero_shot("wrn-40-2", "wrn-16-1", seed) for seed in (0, 1)]
    expected = 2 * 3.0 * 80_000 + 2.0 * 200 * 50_000 / 128
    assert cost.seconds(runs, paper, "cpu") == pytest.approx(expected)
    assert cost.seconds(runs, paper, "cuda") is None
    assert cost.seconds([few_shot("wrn-40-2", "wrn-16-1", 0)], paper, "cpu") is None


def test_rates_of_every_experiment_of_the_paper_were_measured_on_a_cpu():
    for protocol in PROTOCOLS.values():
        for name, experiment in EXPERIMENTS.items():
            # Ours has settings of its own, and is told as not measured.
            assert name == "pairs" or cost.seconds(experiment.specs(protocol, [0]), protocol, "cpu")


def test_one_variant_that_diverges_does_not_end_a_table(tiny, tmp_path, monkeypatch):
    """Its row says so, and it is not tried again unless asked."""
    monkeypatch.setattr(ablations, "DOUBLED", ("clip",))
    monkeypatch.setattr(ablations, "TERMS", ("blur",))
    job, tried = store.distill, []

    def diverges(*networks, method, **options):
        if getattr(method, "extra", "none") == "blur":
            tried.append(method)
            method = replace(method, student_learning_rate=1e30)
        return job(*networks, method=method, **options)

    monkeypatch.setattr(store, "distill", diverges)
    report = EXPERIMENTS["ablations"].report(tiny, [0], tmp_path / "out")
    rows = {row["variant"]: row for row in report.rows}
    assert "no longer finite" in rows["generator: blur"]["diverged"]
    assert rows["generator: blur"]["accuracy"] is None
    assert rows["twice the clip"]["accuracy"] is not None
    assert "diverged" not in rows["twice the clip"]
    EXPERIMENTS["ablations"].report(tiny, [0], tmp_path / "out")
    assert len(tried) == 1
    monkeypatch.setattr(store, "distill", job)
    order.make_all(tiny, EXPERIMENTS["ablations"].specs(tiny.protocol, [0]), Placing(), retry=True)
    again = EXPERIMENTS["ablations"].report(tiny, [0], tmp_path / "out")
    rows = {row["variant"]: row for row in again.rows}
    assert rows["generator: blur"]["accuracy"] is not None
    assert not list(tiny.root.glob("*/diverged.json"))


def test_what_is_made_of_a_run_that_diverged_says_so_too(tiny, tmp_path, monkeypatch):
    """It is tried again with it, and a run that diverges again is not played for each of them."""
    job, tried = store.distill, []

    def diverges(*networks, method, **options):
        tried.append(method)
        return job(*networks, method=replace(method, student_learning_rate=1e30), **options)

    monkeypatch.setattr(store, "distill", diverges)
    report = EXPERIMENTS["table-2"].report(tiny, [0], tmp_path / "out")
    assert "no longer finite" in report.rows[0]["diverged"]
    assert report.rows[0]["mean_transition_error"] is None
    assert 0 <= report.rows[1]["mean_transition_error"] <= 1
    assert "diverged" in EXPERIMENTS["figure-3"].report(tiny, [0], tmp_path / "out").rows[0]
    specs = EXPERIMENTS["table-2"].specs(tiny.protocol, [0])
    assert len(tried) == 1
    order.make_all(tiny, specs, Placing(), retry=True)
    assert len(tried) == 2
    assert "diverged" in EXPERIMENTS["table-2"].report(tiny, [0], tmp_path / "out").rows[0]
    monkeypatch.setattr(store, "distill", job)
    order.make_all(tiny, specs, Placing(), retry=True)
    again = EXPERIMENTS["table-2"].report(tiny, [0], tmp_path / "out")
    assert 0 <= again.rows[0]["mean_transition_error"] <= 1
