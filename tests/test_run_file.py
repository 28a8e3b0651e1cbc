"""A run is done again by its file, the command line wins, and a stranger's file harms nobody."""

import tomllib
from dataclasses import replace

import pytest
import torch

import zskt
from players import zskt as command
from zskt.jobs.plan import Plan
from zskt.jobs.run_file import MOST_BYTES
from zskt.model_file import Card, write_network
from zskt.networks import create
from zskt.runs.run_file import run_file_text

SIZE = (3, 8, 8)
METHOD = zskt.ZSKT(batch_size=4, student_steps=1, noise_size=8, generator_width=8)


@pytest.fixture
def teacher(tmp_path):
    file = tmp_path / 'a "teacher".safetensors'
    torch.manual_seed(0)
    card = Card(
        architecture="resnet-8", input_size=SIZE, classes=3, mean=(0.5,) * 3, std=(0.2,) * 3
    )
    write_network(file, create("resnet-8", classes=3, input_size=SIZE), card)
    return file


@pytest.fixture
def old(tmp_path, teacher):
    run = zskt.Run(rounds=2, seed=3, device="cpu", average_over=0.0)
    zskt.distill(teacher, "resnet-8", method=METHOD, run=run, out=tmp_path / "old", progress=False)
    return tmp_path / "old" / "run.toml"


@pytest.fixture(autouse=True)
def short_trials(monkeypatch):
    monkeypatch.setattr("zskt.jobs.distill_run.TRIAL_SECONDS", 0.0)


def weights(folder):
    return (folder / "student.safetensors").read_bytes()


def test_a_run_is_done_again_by_its_file(tmp_path, old, monkeypatch, capsys):
    # From another folder, too.
    monkeypatch.chdir(tmp_path.parent)
    assert command("distill", old, "--out", tmp_path / "again") == 0
    assert weights(tmp_path / "again") == weights(old.parent)
    assert (tmp_path / "again" / "run.toml").read_text() == old.read_text()
    zskt.distill(**zskt.read_run_file(old), out=tmp_path / "python", progress=False)
    assert weights(tmp_path / "python") == weights(old.parent)


def test_the_command_line_wins(tmp_path, old):
    words = ("--seed", 4, "--minutes", 0.02, "--dry-run")
    assert command("distill", old, *words) == 0
    assert command("distill", old, "--seed", 4, "--out", tmp_path / "new") == 0
    said = tomllib.loads((tmp_path / "new" / "run.toml").read_text())
    assert said == tomllib.loads(old.read_text()) | {"seed": 4}
    # Another method has settings of its own.
    words = ("--method", "noise", "--batch-size", 5, "--rounds", 1)
    assert command("distill", old, *words, "--out", tmp_path / "noise") == 0
    said = tomllib.loads((tmp_path / "noise" / "run.toml").read_text())
    assert (said["method"], said["batch_size"], said["rounds"]) == ("noise", 5, 1)
    assert said["student_steps"] == zskt.Noise().student_steps
    assert "generator_width" not in said


def test_what_is_read_are_the_arguments_of_python(tmp_path, old, teacher):
    read = zskt.read_run_file(old)
    assert read["method"] == METHOD
    assert read["run"] == zskt.Run(
        rounds=2, seed=3, device="cpu", average_over=0.0, precision=read["run"].precision
    )
    assert read["options"] == zskt.TeacherOptions()
    assert (read["teacher"], read["student"]) == (str(teacher), "resnet-8")


def test_a_longer_run_says_so_in_its_file(old):
    zskt.distill(resume=old.parent, run=zskt.Run(rounds=3), progress=False)
    assert zskt.read_run_file(old)["run"].rounds == 3


def test_networks_in_memory_have_to_be_named_anew(tmp_path, teacher, capsys):
    loaded = zskt.load_teacher(zskt.load(teacher), input_size=SIZE)
    student = create("resnet-8", classes=3, input_size=SIZE)
    run = zskt.Run(rounds=1, device="cpu")
    zskt.distill(loaded, student, method=METHOD, run=run, out=tmp_path / "run", progress=False)
    file = tmp_path / "run" / "run.toml"
    assert not {"teacher", "student"} & zskt.read_run_file(file).keys()
    assert command("distill", file, "--out", tmp_path / "new") == 2
    assert "give --teacher, --student" in capsys.readouterr().err
    named = ("--teacher", teacher, "--student", "resnet-8", "--out", tmp_path / "new")
    assert command("distill", file, *named) == 0


def test_a_dry_run_tells_the_plan_and_leaves_nothing(tmp_path, old, teacher, capsys):
    before = sorted(tmp_path.rglob("*"))
    capsys.readouterr()
    assert command("distill", old, "--out", tmp_path / "new", "--dry-run", "--no-progress") == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert [line.split()[0] for line in lines] == ["About", "A", "Memory:"]
    assert "for 2 rounds: 8 images made" in lines[0]
    run = zskt.Run(minutes=5, device="cpu")
    plan = zskt.distill(teacher, "resnet-8", method=METHOD, run=run, dry_run=True, progress=False)
    assert isinstance(plan, Plan)
    assert plan.seconds == 300
    assert sorted(tmp_path.rglob("*")) == before
    # What a run would refuse is refused.
    assert command("distill", old, "--out", old.parent, "--dry-run") == 2
    assert "already holds a run" in capsys.readouterr().err
    assert command("distill", old, "--data", "digits", "--dry-run") == 2
    assert "the data has 1x8x8 images" in capsys.readouterr().err


def test_what_toml_makes_hard_is_read_back(tmp_path):
    settings = {
        "teacher_sha256": "0", "teacher_path": 'a"\\\n\x7f\u00e9\U0001f600', "student": "s",
        "data": None, "data_path": None, "teacher_options": {"mean": (0.5, 1e-9), "weights": None},
        "student_arguments": {"widths": [1, 2], "name": "x"}, "student_init": None,
        "run": {"rounds": 5, "average_over": 0.0}, "method": "zskt",
        "method_settings": {"bounded": True, "attention": float("inf")}, "in_memory": [],
    }  # fmt: skip
    read = tomllib.loads(run_file_text(settings))
    assert read == {
        "teacher": settings["teacher_path"], "student": "s", "mean": [0.5, 1e-9],
        "student_arg": ["widths=[1, 2]", "name='x'"], "rounds": 5, "average_over": 0.0,
        "method": "zskt", "bounded": True, "attention": float("inf"),
    }  # fmt: skip


WRONG = {
    "is no TOML file": ["a = ", "= 1", "a" * 50, "rounds = 1\nrounds = 2", "x = " + "[" * 5000],
    "is too long for a run file": ["#" * (MOST_BYTES + 1)],
    "unknown setting in": ["[run]\nrounds = 2", "batch-size = 4", '"\\u001b[31m" = 1'],
    "did you mean rounds": ["round = 2"],
    "unknown method in": ['method = "zsk"', 'method = "os:system"', "method = 3", "method = ['a']"],
    "says rounds = many; give a whole number": ['rounds = "many"'],
    "says rounds = True; give a whole number": ["rounds = true"],
    "says seed = 1.5; give a whole number": ["seed = 1.5"],
    "says seed = 1979-05-27; give a whole number": ["seed = 1979-05-27"],
    "give one of auto, bf16, 32": ['precision = "64"', "precision = 32"],
    "give a list, each a number": ["mean = 0.5", 'mean = ["a"]', "mean = [true]"],
    "give a list, each a whole number": ["input_size = [3, 8]"],
    "give true or false": ['method = "zskt"\nbounded = 1'],
    "give a plain text in quotes": [
        "teacher = 5", 'student = "\\u001b[2J"', 'teacher = "a\\u0000b"',
    ],
    "--rounds must be above zero": ["rounds = 0"],
    "--minutes must be above zero, not inf": ["minutes = inf"],
    "--seed must be below": [f"seed = {2**63}"],
    "give --rounds or --minutes, not both": ["rounds = 1\nminutes = 1"],
    "give at most 4096": ["generator_width = 100_000", 'method = "zskt"\nnoise_size = 10_000_000'],
    "may not say": [
        'out = "/home"', 'resume = "r"', "overwrite = true", 'results = "r"', "allow_code = true",
        'data_dir = "/home"',
    ],
    "if you trust it, --allow-code": [
        'teacher = "os:system"', 'student = "os:system"', 'teacher = "hf:some/thing"',
        'teacher = "timm:resnet18"', 'teacher = "evil.pt"', 'teacher = "evil.PT2"',
    ],
    "unless you trust it": [
        'student = "timm:resnet18"\nstudent_arg = ["pretrained=True"]',
        'teacher = "timm:resnet18"\nweights = "w"\nteacher_arg = ["cache_dir=\'/home\'"]',
    ],
    "an argument is given as": ['student_arg = ["a"]'],
    "no plain value": [f'student_arg = ["depth={10**9}"]', 'student_arg = ["depth={}"]'],
}  # fmt: skip


@pytest.mark.parametrize(
    ("sentence", "text"), [(sentence, text) for sentence, texts in WRONG.items() for text in texts]
)
def test_a_file_that_says_something_wrong(tmp_path, monkeypatch, capsys, sentence, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.toml").write_text(text)
    assert command("distill", "run.toml", "--out", "new") == 2
    told = capsys.readouterr().err.strip()
    assert sentence in told
    assert told.startswith("zskt: ")
    assert told.isprintable()
    assert [file.name for file in tmp_path.iterdir()] == ["run.toml"]
    with pytest.raises(zskt.UserError):
        zskt.read_run_file("run.toml")


def test_a_file_that_is_trusted_may_name_code(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('teacher = "os:system"\nstudent_arg = ["pretrained=True"]')
    assert zskt.read_run_file(file, allow_code=True)["teacher"] == "os:system"


@pytest.mark.parametrize(
    ("sentence", "words"),
    {
        "there is no file none.toml": ["none.toml", "--out", "r"],
        "give --out beside run.toml": ["run.toml"],
        "give run.toml or --resume, not both": ["run.toml", "--resume", "r"],
        "Unknown option: --rouns": ["run.toml", "--out", "r", "--rouns", "3"],
        "is no teacher": ["--teacher", "run.toml", "--student", "lenet", "--out", "r"],
        "give --teacher, --student": ["run.toml", "--out", "r"],
        "there is no file .": ["d.toml", "--out", "r"],
        "--dry-run is for a new run": ["--resume", "r", "--dry-run"],
    }.items(),
)
def test_wrong_words_beside_a_file(tmp_path, monkeypatch, capsys, sentence, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.toml").write_text("rounds = 1")
    (tmp_path / "d.toml").mkdir()
    assert command("distill", *words) == 2
    told = capsys.readouterr().err
    assert sentence.rstrip(".") in told
    assert "Traceback" not in told


def test_a_plan_of_a_file(old, capsys):
    assert command("plan", old, "--seconds", 0, "--rounds", 7) == 0
    assert "for 7 rounds: 28 images made" in capsys.readouterr().out


def test_settings_of_a_run_may_be_changed_in_python(old):
    read = zskt.read_run_file(old)
    plan = zskt.distill(
        **{**read, "run": replace(read["run"], rounds=5)}, dry_run=True, progress=False
    )
    assert plan.rounds == 5  # ty: ignore
