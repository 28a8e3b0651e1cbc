"""Teachers of every form, adapted without edits and tried before use."""

import copy
import json
import sys
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

from players import same_weights, zskt
from zskt.errors import UserError
from zskt.model_file import Card, load, write_network
from zskt.networks import create
from zskt.networks.factory import from_factory, parsed
from zskt.taps import Watched, matching_stages
from zskt.teachers.inspection import check_teacher, inspect_teacher
from zskt.teachers.load import load_teacher
from zskt.teachers.onnx_file import OnnxNetwork, check_against_onnxruntime
from zskt.teachers.outputs import Adapted, find, kind_of, taken
from zskt.teachers.traced import FixedBatch

BATCH = torch.export.Dim("batch")
quiet = pytest.mark.filterwarnings("ignore")
"""Exporters warn of their own insides."""


class Answer:
    """An output object, as of transformers."""

    def __init__(self, logits):
        self.logits = logits


class Saying(nn.Module):
    """A network that returns what a function makes of its logits."""

    def __init__(self, network, say):
        super().__init__()
        self.network = network
        self.say = say

    def forward(self, images):
        return self.say(self.network(images))


def network(size=(1, 8, 8), classes=4, name="wrn-10-1"):
    torch.manual_seed(0)
    made = create(name, classes=classes, input_size=size)
    made(torch.randn(16, *size))
    return made.eval()


def images(size, count=5):
    return torch.randn(count, *size, generator=torch.Generator().manual_seed(3))


def close(teacher, network, size, **tolerance):
    """Whether both say the same, and the gradient reaches the images."""
    given = images(size).requires_grad_()
    said = teacher.network(given)
    said.square().sum().backward()
    wanted = network(given.detach())
    torch.testing.assert_close(
        said.detach().log_softmax(1), wanted.detach().log_softmax(1), **tolerance
    )
    return bool(given.grad.abs().max() > 0)


SIZES = {
    "1x8": ((1, 8, 8), "wrn-10-1"),
    "3x8": ((3, 8, 8), "resnet-8"),
    "1x28": ((1, 28, 28), "lenet"),
    "3x32": ((3, 32, 32), "timm:test_vit"),
    "3x64": ((3, 64, 64), "timm:resnet10t"),
    "3x224": ((3, 224, 224), "timm:test_convnext"),
}
NORMS = {"lenet": {}, "timm:test_vit": {"layer"}, "timm:test_convnext": {"layer"}}


def written(form, made, size, folder):
    """A teacher's file in some form, and what must be said besides."""
    file = folder / f"teacher.{form}"
    given = images(size, 3)
    if form == "safetensors":
        classes = made(given).shape[1]
        card = Card(architecture=made.zskt_architecture, input_size=size, classes=classes)
        write_network(file, made, card)
        return file, {}
    if form == "pt":
        torch.jit.trace(made, given).save(file)
        return file, {"input_size": size}
    if form == "pt2":
        program = torch.export.export(made, (given,), dynamic_shapes=({0: BATCH},))
        torch.export.save(program, file)
        return file, {}
    if form == "onnx":
        torch.onnx.export(made, (given,), file, dynamic_shapes=({0: BATCH},), verbose=False)
        return file, {}
    file = folder / "weights.pth"
    torch.save({"state_dict": {f"module.{k}": v for k, v in made.state_dict().items()}}, file)
    return made.zskt_architecture, {"weights": file, "input_size": size}


@quiet
@pytest.mark.parametrize("form", ["safetensors", "pt", "pt2", "onnx", "weights"])
@pytest.mark.parametrize("case", SIZES)
def test_every_form_says_what_the_network_says(form, case, tmp_path, monkeypatch):
    size, name = SIZES[case]
    made = network(size, name=name)
    source, options = written(form, made, size, tmp_path)
    teacher = load_teacher(source, **options)
    assert teacher.card.input_size == size
    assert teacher.card.classes == 4
    assert len(teacher.digest) == 64
    assert close(teacher, made, size, rtol=1e-4, atol=1e-5)
    if case in ("1x8", "1x28", "3x32"):
        found = inspect_teacher(teacher)
        assert found.problems == ()
        # Exporters fold some of them into convolutions, or write them as sums and products.
        assert set(found.norms) <= set(NORMS.get(name, {"batch"}))
        assert form == "onnx" or set(found.norms) == set(NORMS.get(name, {"batch"}))
        assert found.macs > 1000


@quiet
@pytest.mark.parametrize("form", ["pt2", "onnx"])
@pytest.mark.parametrize("batch", [2, 4])
def test_a_fixed_batch_is_run_in_pieces(form, batch, tmp_path):
    made, file = network(), tmp_path / f"fixed.{form}"
    given = images((1, 8, 8), batch)
    if form == "pt2":
        torch.export.save(torch.export.export(made, (given,)), file)
    else:
        torch.onnx.export(made, (given,), file, verbose=False)
    teacher = load_teacher(file)
    assert any(f"batches of {batch}" in note for note in teacher.notes)
    assert close(teacher, made, (1, 8, 8), rtol=1e-4, atol=1e-5)


SAYINGS = {
    "tensor": lambda logits: logits,
    "tuple": lambda logits: (logits, logits.mean()),
    "after features": lambda logits: [logits.new_zeros(2, 3, 4, 4), logits],
    "dict": lambda logits: {"features": logits * 0, "logits": logits},
    "object": Answer,
    "map": lambda logits: logits[:, :, None, None],
    "probabilities": lambda logits: logits.softmax(1),
    "dict of probabilities": lambda logits: {"probs": logits.softmax(1)},
}


@pytest.mark.parametrize("say", SAYINGS.values(), ids=SAYINGS)
def test_outputs_of_every_kind(say):
    made = network()
    output = Saying(made, say)(images((1, 8, 8)))
    place = find(output, 5)[0]
    kind = kind_of(taken(output, place).flatten(1))
    said = Adapted(Saying(made, say), place, kind)(images((1, 8, 8)))
    torch.testing.assert_close(
        said.log_softmax(1), made(images((1, 8, 8))).log_softmax(1), rtol=1e-4, atol=1e-5
    )


def test_features_beside_logits_are_told_apart_by_the_number_of_classes():
    features, logits = torch.randn(5, 32), torch.randn(5, 7)
    assert find((features, logits), 5) == [0, 1]
    assert find((features, logits), 5, classes=7) == [1]
    assert find({"embedding": features, "logits": logits}, 5) == ["logits", "embedding"]
    with pytest.raises(UserError, match="of 8 classes"):
        find((features, logits), 5, classes=8)
    made = Saying(network(), lambda said: (said.repeat(1, 9), said))
    teacher = load_teacher(made, input_size=(1, 8, 8))
    assert teacher.card.classes == 36
    assert any("0 was taken, not 1" in note for note in teacher.notes)
    assert load_teacher(made, input_size=(1, 8, 8), classes=4).card.classes == 4


def test_probabilities_of_zero_have_a_logarithm():
    certain = torch.tensor([0.0, 1.0]).view(1, 2, 1, 1)
    said = Adapted(nn.Identity(), None, "probabilities")(certain)
    assert said.isfinite().all()
    assert said[0, 0] < -80


@pytest.mark.parametrize(
    "output", [torch.zeros(5), torch.zeros(5, 1), torch.zeros(4, 3), "no", {}, (), None]
)
def test_outputs_without_logits(output):
    with pytest.raises(UserError, match="does not return logits"):
        find(output, 5)


@pytest.mark.parametrize(("pixels", "top"), [("0-1", 1.0), ("0-255", 255.0)])
def test_a_teacher_that_takes_pixels(pixels, top, tmp_path, monkeypatch):
    """Its student learns in a centred space, in which the same pixels mean the same."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / f"takes_{int(top)}.py").write_text(
        "import torch\n"
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.layer = nn.Linear(192, 3)\n"
        "    def forward(self, images):\n"
        f"        assert images.min() >= -0.6 * {top} and images.max() <= 1.6 * {top}\n"
        f"        return self.layer((images / {top}).flatten(1))\n"
    )
    torch.manual_seed(0)
    teacher = load_teacher(f"takes_{int(top)}:Net", input_size=(3, 8, 8), pixels=pixels)
    assert teacher.card.mean == (0.5, 0.5, 0.5)
    assert teacher.normalisation.bounds == ((-2.0,) * 3, (2.0,) * 3)
    grey = torch.zeros(2, 3, 8, 8)
    layer = teacher.network.network.network.layer
    torch.testing.assert_close(teacher.network(grey), layer(torch.full((2, 192), 0.5)))


def test_a_network_in_memory_is_copied():
    made = Saying(network(), lambda logits: {"logits": logits})
    made.half().train()
    teacher = load_teacher(made, input_size=(1, 8, 8))
    assert made.training
    assert next(made.parameters()).dtype == torch.float16
    assert not teacher.network.training
    assert teacher.network(images((1, 8, 8))).dtype == torch.float32
    assert any("16 bits" in note for note in teacher.notes)


def test_a_factory_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my_factory.py").write_text(
        "from zskt.networks import create\n"
        "def make(classes, deep=False):\n"
        "    return create('wrn-10-1', classes=classes, input_size=(1, 8, 8))\n"
        "number = 3\n"
        "def wrong():\n"
        "    return 3\n"
    )
    before = list(sys.path)
    teacher = load_teacher("my_factory:make", arguments={"classes": 6}, input_size=(1, 8, 8))
    assert teacher.card.classes == 6
    for name, said in {
        "my_factory:none": "no function or class",
        "my_factory:number": "no function or class",
        "my_factory:make": "failed with TypeError",
        "my_factory:wrong": "must return an nn.Module",
        "no_module:make": "cannot import no_module",
    }.items():
        with pytest.raises(UserError, match=said):
            from_factory(name, {})
    assert sys.path == before


def test_arguments():
    assert parsed(["a=1", "b=(1, 2)", "c=x", "d=a=b"]) == {
        "a": 1,
        "b": (1, 2),
        "c": "x",
        "d": "a=b",
    }
    for word in ("a", "=1", "a b=1"):
        with pytest.raises(UserError, match="name=value"):
            parsed([word])


def test_a_hugging_face_folder(tmp_path):
    transformers = pytest.importorskip("transformers")
    config = transformers.ResNetConfig(
        num_channels=1, embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], num_labels=5
    )
    made = transformers.ResNetForImageClassification(config).eval()
    made.save_pretrained(tmp_path)
    teacher = load_teacher(f"hf:{tmp_path}", input_size=(1, 32, 32))
    assert teacher.card.classes == 5
    assert teacher.card.class_names == tuple(f"LABEL_{n}" for n in range(5))
    assert close(teacher, lambda given: made(given).logits, (1, 32, 32))


WRONG = {
    "there is no file": {"source": "none.onnx"},
    "needs `weights`": {"source": "wrn-16-2"},
    "does not tell the size": {"source": "F/teacher.pt"},
    "cannot take 2x8x8 images": {"source": "F/teacher.pt", "input_size": (2, 8, 8)},
    "or neither": {"source": "F/teacher.pt", "input_size": (1, 8, 8), "mean": (0.5,)},
    "has 2 numbers": {
        "source": "F/teacher.pt", "input_size": (1, 8, 8), "mean": (0.5, 1.0), "std": (0.5, 1.0)
    },
    "no TorchScript file": {"source": "F/weights.pth", "input_size": (1, 8, 8)},
    "no ONNX file": {"source": "F/text.onnx"},
    "no file of torch.export": {"source": "F/text.pt2"},
    "another architecture": {
        "source": "wrn-16-1", "weights": "F/weights.pth", "input_size": (1, 8, 8)
    },
    "no state dict that can be read": {"source": "wrn-10-1", "weights": "F/whole.pth"},
    "there is no file of weights": {"source": "wrn-10-1", "weights": "F/none.pth"},
    "no safetensors file": {"source": "wrn-10-1", "weights": "F/text.safetensors"},
    "has 4 classes, not 5": {
        "source": "wrn-10-1", "weights": "F/weights.pth", "input_size": (1, 8, 8), "classes": 5
    },
    "takes 1 channels, not 3": {
        "source": "wrn-10-1", "weights": "F/weights.pth", "input_size": (3, 8, 8)
    },
    "unknown timm network": {"source": "timm:resnet18x", "weights": "F/weights.pth"},
}  # fmt: skip


@pytest.mark.parametrize("sentence", WRONG)
@quiet
def test_what_is_wrong_is_one_sentence(sentence, tmp_path):
    made = network()
    written("pt", made, (1, 8, 8), tmp_path)
    written("weights", made, (1, 8, 8), tmp_path)
    torch.save(made, tmp_path / "whole.pth")
    for end in ("onnx", "pt2", "safetensors"):
        (tmp_path / f"text.{end}").write_text("no")
    given = {
        name: it.replace("F/", f"{tmp_path}/") if isinstance(it, str) else it
        for name, it in WRONG[sentence].items()
    }
    if "weights" in given:
        given["weights"] = Path(given["weights"])
    with pytest.raises(UserError, match=sentence):
        load_teacher(given.pop("source"), **given)


class Restless(nn.Module):
    """Says something else every time."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 3)

    def forward(self, images):
        return self.layer(images.flatten(1)) + torch.rand(1)


class Counting(Restless):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, images):
        self.calls += 1
        return self.layer(images.flatten(1))


class Crowd(Restless):
    def forward(self, images):
        said = self.layer(images.flatten(1))
        return said - said.mean(0)


class Rounding(Restless):
    def forward(self, images):
        return self.layer(images.round().flatten(1))


class Blind(Restless):
    def forward(self, images):
        return self.layer(images.detach().flatten(1))


class Lying(Restless):
    """Its gradient is that of something else."""

    def forward(self, images):
        said = self.layer(images.flatten(1))
        return said + (said.square() - said).detach()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (Restless, "not deterministic"),
        (Counting, "changes its own buffers"),
        (Crowd, "other images of a batch"),
        (Rounding, "No gradient reaches its input"),
        (Blind, "No gradient reaches its input"),
        (Lying, "gradient is broken"),
    ],
)
def test_what_cannot_teach(kind, reason, monkeypatch):
    torch.manual_seed(0)
    monkeypatch.setattr(sys.modules[__name__], "make", kind, raising=False)
    teacher = load_teacher(f"{__name__}:make", input_size=(1, 8, 8))
    assert any(reason in problem for problem in inspect_teacher(teacher).problems)
    with pytest.raises(UserError, match="cannot teach"):
        check_teacher(teacher)


def test_a_teacher_stays_as_it_is():
    """Weights, buffers, flags, modes and hooks; also when trying it fails."""
    teacher = load_teacher(f"{__name__}:network", input_size=(1, 8, 8))
    inside = teacher.network.network
    inside.train()
    inside.stem.eval()
    inside.stem.weight.requires_grad_(False)
    before = copy.deepcopy(inside)
    inspect_teacher(teacher, ("wrn-10-1",))
    with pytest.raises(RuntimeError):
        inspect_teacher(
            type(teacher)(
                **{**vars(teacher), "card": Card(architecture=None, input_size=(5, 8, 8))}
            )
        )
    assert same_weights(inside, before)
    for ours, theirs in zip(inside.modules(), before.modules(), strict=True):
        assert ours.training == theirs.training
        assert not ours._forward_hooks
    flags = [[p.requires_grad for p in it.parameters()] for it in (inside, before)]
    assert flags[0] == flags[1]


@quiet
def test_from_a_file_to_a_student(tmp_path, monkeypatch, capsys):
    """Inspect, distil, resume and judge with a teacher that is only an ONNX file."""
    monkeypatch.chdir(tmp_path)
    written("onnx", network(), (1, 8, 8), tmp_path)
    assert zskt("inspect", "teacher.onnx", "--results", "found.json") == 0
    said = capsys.readouterr().out
    assert "1x8x8" in said
    assert "It can teach" in said
    assert json.loads(Path("found.json").read_text())["norms"].keys() == {"batch"}
    words = ("--student", "wrn-10-1", "--rounds", 2, "--batch-size", 4, "--generator-width", 8)
    words += ("--mean", 0.5, "--std", 0.25, "--method", "zskt", "--bounded", "--attention", 0)
    assert zskt("distill", "--teacher", "teacher.onnx", *words, "--until", 1, "--out", "run") == 0
    assert zskt("distill", "--resume", "run") == 0
    student = load("run")
    assert student(torch.randn(2, 1, 8, 8)).shape == (2, 4)
    drawn = load("run/source.safetensors")(torch.randn(32, 100))
    assert -2 <= drawn.min() < drawn.max() <= 2


class Dotted(nn.Module):
    """Its modules have dots in their names, as converted networks have."""

    def __init__(self, inside):
        super().__init__()
        for name, module in (("a.0/conv", nn.Conv2d(1, 4, 3, stride=2, padding=1)), ("b", inside)):
            self.add_module(name.replace(".", "_"), module)
        self._modules = {name.replace("_", "."): it for name, it in self._modules.items()}

    def forward(self, images):
        first, last = self._modules.values()
        return last(first(images).mean((2, 3)))


def test_attention_from_modules_with_dots_in_their_names():
    teacher, student = Dotted(nn.Linear(4, 3)), network((1, 8, 8), 3)
    ours, theirs = matching_stages(teacher, student, images((1, 8, 8)))
    assert ours == ["a.0/conv"]
    _, maps = Watched(teacher, ours)(images((1, 8, 8)))
    assert maps[0].shape == (5, 16)
    assert len(theirs) == 1


def test_no_attention_from_torchscript_or_pieces(tmp_path):
    made, given = network(), images((1, 8, 8), 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(made, given).save(tmp_path / "teacher.pt")
    teacher = load_teacher(tmp_path / "teacher.pt", input_size=(1, 8, 8)).network
    assert matching_stages(teacher, made, given) == ([], [])
    assert matching_stages(FixedBatch(made, 2), made, given) == ([], [])
    assert matching_stages(made, made, given)[0]


def test_a_frozen_graph_has_no_parameters_but_teaches(tmp_path):
    made = network()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frozen = torch.jit.freeze(torch.jit.trace(made, images((1, 8, 8))))
        frozen.save(tmp_path / "frozen.pt")
    teacher = load_teacher(tmp_path / "frozen.pt", input_size=(1, 8, 8))
    assert close(teacher, made, (1, 8, 8), rtol=1e-4, atol=1e-5)
    assert inspect_teacher(teacher).problems == ()


@quiet
def test_a_file_for_batches_of_many_is_held_beside_onnxruntime(tmp_path, monkeypatch):
    made = network()
    torch.onnx.export(made, (images((1, 8, 8), 8),), tmp_path / "eight.onnx", verbose=False)
    assert close(load_teacher(tmp_path / "eight.onnx"), made, (1, 8, 8), rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        made.head.bias += 1
    teacher = load_teacher(made, input_size=(1, 8, 8)).network.network
    lying = OnnxNetwork(teacher, ["logits"], channels_last=False)
    for count in (1, 4, 8):
        with pytest.raises(UserError, match="something else in torch than in onnxruntime"):
            check_against_onnxruntime(lying, tmp_path / "eight.onnx", images((1, 8, 8), count), 8)


@quiet
def test_onnx_files_that_are_refused(tmp_path):
    made, given = network(), images((1, 8, 8), 2)
    torch.onnx.export(
        copy.deepcopy(made).half(), (given.half(),), tmp_path / "half.onnx", verbose=False
    )
    torch.onnx.export(made, (given,), tmp_path / "small.onnx", verbose=False)
    with pytest.raises(UserError, match="takes float16 images"):
        load_teacher(tmp_path / "half.onnx")
    with pytest.raises(UserError, match="takes 1x8x8 images; leave `input_size` out"):
        load_teacher(tmp_path / "small.onnx", input_size=(1, 9, 9))


def test_a_run_that_names_code_runs_it_only_if_allowed(tmp_path, monkeypatch, capsys):
    """Its settings could come from somebody else."""
    monkeypatch.chdir(tmp_path)
    card = Card(architecture="wrn-10-1", input_size=(1, 8, 8), classes=4, mean=(0.5,), std=(0.25,))
    write_network(tmp_path / "teacher.safetensors", network(), card)
    words = ("--method", "zskt", "--rounds", 4, "--batch-size", 4, "--until", 1)
    words = ("distill", "--teacher", "teacher.safetensors", "--student", "wrn-10-1", *words)
    assert zskt(*words, "--out", "run") == 0
    settings = json.loads(Path("run/settings.json").read_text())
    assert "allow_code" not in settings["teacher_options"]
    for change in ({"teacher_path": "evil:run"}, {"student": "evil:run"}):
        Path("run/settings.json").write_text(json.dumps({**settings, **change}))
        Path("evil.py").write_text("raise SystemExit('it ran')\n")
        commands = [("distill", "--resume", "run")]
        if "teacher_path" in change:
            commands += [("verdict", "run"), ("synthesize", "run", "--out", "out.npz")]
            commands += [("finetune", "run", "--data", "digits", "--per-class", 1, "--out", "t")]
        for command in commands:
            assert zskt(*command) == 2
            assert "if you trust it, --allow-code" in capsys.readouterr().err


def test_settings_that_are_damaged_or_of_another_version(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    card = Card(architecture="wrn-10-1", input_size=(1, 8, 8), classes=4, mean=(0.5,), std=(0.25,))
    write_network(tmp_path / "teacher.safetensors", network(), card)
    words = ("--method", "zskt", "--rounds", 2, "--batch-size", 4, "--out", "run")
    words = ("distill", "--teacher", "teacher.safetensors", "--student", "wrn-10-1", *words)
    assert zskt(*words) == 0
    settings = json.loads(Path("run/settings.json").read_text())
    for change in ("teacher_path", "student_arguments", "run", "method_settings"):
        damaged = {name: value for name, value in settings.items() if name != change}
        Path("run/settings.json").write_text(json.dumps(damaged))
        assert zskt("distill", "--resume", "run") == 2
        assert "damaged or of another version" in capsys.readouterr().err


HOSTILE = {
    "pretrained": True,
    "cache_dir": "stolen",
    "checkpoint_path": "stolen.pth",
    "pretrained_cfg_overlay": {"url": "http://localhost:1/weights.pth"},
    "features_only": True,
}


def hostile_file(folder, arguments, architecture="timm:resnet10t"):
    """Weights that fit, and a header that wants more."""
    torch.manual_seed(0)
    made = create("timm:resnet10t", classes=4, input_size=(3, 32, 32))
    scale: dict = {"mean": (0.5,) * 3, "std": (0.25,) * 3}
    card = Card(
        architecture=architecture, arguments=arguments, input_size=(3, 32, 32), classes=4, **scale
    )
    write_network(folder / "gift.safetensors", made, card)
    return folder / "gift.safetensors"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_files_header_fetches_and_writes_nothing(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    file = hostile_file(tmp_path, {name: HOSTILE[name]})

    def never(*arguments, **named):
        raise AssertionError("the library was asked")

    monkeypatch.setattr("timm.create_model", never)
    with pytest.raises(UserError, match="not taken from a file"):
        load(file)
    tune = ("finetune", file, "--data", "digits", "--per-class", 1, "--out", "t")
    for command in (("inspect", file), (*tune, "--teacher", file)):
        assert zskt(*command) == 2
        told = capsys.readouterr().err
        assert f"wants to make its network with {name}" in told
        assert "Traceback" not in told
    assert [each.name for each in tmp_path.iterdir()] == ["gift.safetensors"]


DOORS = {
    "distill": ("distill", "--teacher", "gift", "--student", "wrn-10-1", "--out", "t"),
    "train": ("train", "wrn-10-1", "--distill-from", "gift", "--data", "digits", "--out", "t"),
    "finetune": (
        "finetune", "own", "--teacher", "gift", "--data", "digits", "--per-class", 1, "--out", "t"
    ),
    "evaluate": ("evaluate", "own", "--teacher", "gift", "--data", "digits"),
    "compare": ("compare", "gift", "--teacher", "own"),
    "beliefs": (
        "beliefs", "--student", "own", "--teacher", "gift", "--data", "digits", "--out", "t"
    ),
    "noise-predictions": ("noise-predictions", "gift", "--out", "t"),
    "export": ("export", "gift", "--out", "t.onnx"),
}  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
def test_a_hostile_header_is_refused_at_every_door(door, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    hostile_file(tmp_path, {"pretrained_cfg_overlay": HOSTILE["pretrained_cfg_overlay"]})
    card = Card(architecture="wrn-10-1", input_size=(1, 8, 8), classes=10)
    write_network(tmp_path / "own.safetensors", network(classes=10), card)

    def never(*arguments, **named):
        raise AssertionError("the library was asked")

    monkeypatch.setattr("timm.create_model", never)
    files = {"own": "own.safetensors", "gift": "gift.safetensors"}
    assert zskt(*(files.get(word, word) for word in DOORS[door])) == 2
    told = capsys.readouterr().err
    assert "wants to make its network with pretrained_cfg_overlay" in told
    assert "give --allow-code" in told
    assert {each.name for each in tmp_path.iterdir()} == set(files.values())


def test_a_header_that_is_trusted_may_say_anything(tmp_path, monkeypatch):
    """And what is refused without trust would have reached the library."""
    asked = []

    def create_model(name, **named):
        asked.append((name, named["checkpoint_path"]))
        raise ValueError("asked")

    file = hostile_file(tmp_path, {"checkpoint_path": "stolen.pth"})
    monkeypatch.setattr("timm.create_model", create_model)
    with pytest.raises(UserError, match="cannot make timm:resnet10t: ValueError: asked"):
        load(file, allow_code=True)
    assert asked == [("resnet10t", "stolen.pth")]


def test_a_header_of_torchvision_fetches_nothing_either(tmp_path, monkeypatch):
    def never(*arguments, **named):
        raise AssertionError("the library was asked")

    monkeypatch.setattr("torchvision.models.get_model", never)
    for arguments in ({"weights": "DEFAULT"}, {"weights_backbone": "DEFAULT"}, {"progress": True}):
        file = hostile_file(tmp_path, arguments, "torchvision:resnet18")
        with pytest.raises(UserError, match=f"with {next(iter(arguments))}, which is not taken"):
            load(file)


@pytest.mark.parametrize("name", ["timm:hf-hub:somebody/model", "timm:local-dir:x", "hf:some/body"])
def test_a_header_names_networks_of_the_lists_alone(name, tmp_path):
    with pytest.raises(UserError, match=r"unknown .*network"):
        load(hostile_file(tmp_path, None, name))


@pytest.mark.parametrize("value", [10**6, {"a": 1}, "a/b", "x" * 99, [10**9], float("inf")])
def test_a_header_gives_plain_values_of_a_sensible_size(value, tmp_path):
    with pytest.raises(UserError, match="no plain value"):
        load(hostile_file(tmp_path, {"stem_width": value}))


def test_a_header_may_change_a_networks_shape(tmp_path):
    made = create("timm:resnet10t", classes=4, input_size=(3, 32, 32), arguments={"stem_width": 16})
    card = Card(
        architecture="timm:resnet10t", arguments={"stem_width": 16}, input_size=(3, 32, 32),
        classes=4,
    )  # fmt: skip
    write_network(tmp_path / "small.safetensors", made, card)
    assert same_weights(load(tmp_path / "small.safetensors"), made)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"teacher_path": "hf:somebody/model"}, "fetches hf:somebody/model"),
        ({"teacher_path": "timm:resnet18"}, "fetches timm:resnet18"),
        ({"student_arguments": {"pretrained": True}}, "with pretrained, which is not taken"),
        ({"teacher_options": {"teacher_arg": ["cache_dir=x"]}}, "with cache_dir, which is not"),
    ],
)
def test_a_strangers_run_fetches_nothing(change, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    card = Card(architecture="wrn-10-1", input_size=(1, 8, 8), classes=4, mean=(0.5,), std=(0.25,))
    write_network(tmp_path / "teacher.safetensors", network(), card)
    words = ("--method", "zskt", "--rounds", 2, "--batch-size", 4, "--out", "run")
    words = ("distill", "--teacher", "teacher.safetensors", "--student", "wrn-10-1", *words)
    assert zskt(*words) == 0
    settings = json.loads(Path("run/settings.json").read_text())
    Path("run/settings.json").write_text(json.dumps({**settings, **change}))
    # A file of that name does not make it local.
    Path("timm:resnet18").touch()
    before = {file: file.read_bytes() for file in Path().rglob("*") if file.is_file()}
    commands = [("distill", "--resume", "run")]
    if "student_arguments" not in change:
        commands += [("verdict", "run"), ("synthesize", "run", "--out", "out.npz")]
        commands += [("finetune", "run", "--data", "digits", "--per-class", 1, "--out", "t")]
    for command in commands:
        assert zskt(*command) == 2
        complaint = capsys.readouterr().err
        assert told in complaint
        assert "--allow-code" in complaint
    assert {file: file.read_bytes() for file in Path().rglob("*") if file.is_file()} == before


def test_a_strangers_run_downloads_no_data_to_where_it_likes(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    card = Card(architecture="wrn-10-1", input_size=(1, 8, 8), classes=4, mean=(0.5,), std=(0.25,))
    write_network(tmp_path / "teacher.safetensors", network(), card)
    words = ("--method", "zskt", "--rounds", 2, "--batch-size", 4, "--until", 1, "--out", "run")
    words = ("distill", "--teacher", "teacher.safetensors", "--student", "wrn-10-1", *words)
    assert zskt(*words) == 0
    assert zskt("train", "wrn-10-1", "--data", "digits", "--epochs", 1, "--out", "trained") == 0
    asked = []

    def fetched(root, train, download):
        asked.append(download)
        raise RuntimeError("Dataset not found")

    monkeypatch.setattr("torchvision.datasets.MNIST", fetched)
    change = {"data": "mnist", "data_path": "mnist", "data_dir": str(tmp_path / "home")}
    for run, command in (("run", "distill"), ("trained", "train")):
        settings = json.loads(Path(run, "settings.json").read_text())
        Path(run, "settings.json").write_text(json.dumps({**settings, **change}))
        more = ("--rounds", 3) if command == "distill" else ()
        assert zskt(command, "--resume", run, *more) == 2
        assert "where the run had it; give --data-dir" in capsys.readouterr().err
        assert zskt(command, "--resume", run, *more, "--data-dir", "mine") == 2
        assert "cannot be downloaded" in capsys.readouterr().err
    assert asked == [False, True] * 2


@pytest.mark.parametrize("file", ["student", "source", "student-average"])
def test_a_strangers_networks_fetch_nothing(file, tmp_path, monkeypatch, capsys):
    """A verdict loads more of a run than its student."""
    monkeypatch.chdir(tmp_path)
    card = Card(architecture="wrn-10-1", input_size=(1, 8, 8), classes=4, mean=(0.5,), std=(0.25,))
    write_network(tmp_path / "teacher.safetensors", network(), card)
    words = ("--method", "zskt", "--rounds", 2, "--batch-size", 4, "--out", "run")
    words = ("distill", "--teacher", "teacher.safetensors", "--student", "wrn-10-1", *words)
    assert zskt(*words) == 0
    assert Path(f"run/{file}.safetensors").is_file()
    hostile_file(tmp_path, {"cache_dir": "stolen"}).rename(f"run/{file}.safetensors")

    def never(*arguments, **named):
        raise AssertionError("the library was asked")

    monkeypatch.setattr("timm.create_model", never)
    # A source that is no generator is no source, and is not made.
    assert zskt("verdict", "run") == (0 if file == "source" else 2)
    told = "wants to make its network with cache_dir" in capsys.readouterr().err
    assert told is (file != "source")
    assert not Path("stolen").exists()


def test_a_run_killed_before_its_first_checkpoint_starts_from_its_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    card = Card(architecture="wrn-10-1", input_size=(1, 8, 8), classes=4, mean=(0.5,), std=(0.25,))
    write_network(tmp_path / "teacher.safetensors", network(), card)
    words = ("distill", "--teacher", "teacher.safetensors", "--student", "wrn-10-1", "--rounds", 1)
    words += ("--batch-size", 4, "--generator-width", 8, "--student-learning-rate", 1e-12)
    words += ("--method", "zskt")
    assert zskt(*words, "--student-init", "teacher.safetensors", "--out", "run") == 0
    Path("run/checkpoint/state.safetensors").unlink()
    Path("run/student.safetensors").unlink()
    assert zskt("distill", "--resume", "run") == 0
    torch.testing.assert_close(load("run").head.weight, network().head.weight)


def test_a_student_that_cannot_take_the_images(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    card = Card(architecture="wrn-10-1", input_size=(1, 8, 8), classes=4)
    write_network(tmp_path / "teacher.safetensors", network(), card)
    words = ("distill", "--teacher", "teacher.safetensors", "--student", "torchvision:alexnet")
    assert zskt(*words, "--out", "run") == 2
    assert "the student cannot take 1x8x8 images" in capsys.readouterr().err


def test_a_student_of_the_users_code(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    card = Card(architecture="wrn-16-1", input_size=(1, 8, 8), classes=4, mean=(0.5,), std=(0.25,))
    write_network(tmp_path / "teacher.safetensors", network(name="wrn-16-1"), card)
    Path("my_student.py").write_text(
        "from zskt.networks import create\n"
        "def make(width=1):\n"
        "    return create(f'wrn-10-{width}', classes=4, input_size=(1, 8, 8))\n"
    )
    words = ("distill", "--teacher", "teacher.safetensors", "--rounds", 1, "--batch-size", 4)
    words += ("--generator-width", 8, "--method", "zskt")
    own = ("--student", "my_student:make", "--student-arg", "width=2")
    assert zskt(*words, *own, "--out", "own") == 0
    with pytest.raises(UserError, match="if you trust it"):
        load("own")
    assert load("own", allow_code=True)(torch.randn(2, 1, 8, 8)).shape == (2, 4)
    assert zskt(*words, "--student", "shrink:0.5", "--out", "small") == 0
    assert "student: wrn-10-1" in capsys.readouterr().out
    # From the weights of another run: after no round at a rate of nearly zero they are the same.
    start = ("--student", "wrn-10-1", "--student-init", "small", "--student-learning-rate", 1e-12)
    assert zskt(*words, *start, "--out", "again") == 0
    torch.testing.assert_close(load("again").head.weight, load("small").head.weight)
    assert zskt(*words, "--student", "wrn-16-1", "--student-init", "small", "--out", "no") == 2
    assert "another architecture" in capsys.readouterr().err
    assert not Path("no").exists()


class Grouped(nn.Module):
    """A small network with group norm, for any images and two classes or more."""

    def __init__(self, channels=3, classes=2):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 8, 3, stride=2, padding=1), nn.GroupNorm(2, 8), nn.ReLU(),
            nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.GroupNorm(2, 8), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(8, classes)

    def forward(self, images):
        return self.head(self.layers(images).mean((2, 3))).softmax(1)


CHAINS = {
    "1x28 onnx": ("onnx", (1, 28, 28), "lenet", 10, "lenet"),
    "3x32 transformer, TorchScript": ("pt", (3, 32, 32), "timm:test_vit", 10, "resnet-8"),
    "3x64 exported": ("pt2", (3, 64, 64), "timm:resnet10t", 1000, "resnet-8"),
    "3x224 weights": ("weights", (3, 224, 224), "timm:test_convnext", 5, "timm:test_resnet"),
    "3x8 ours": ("safetensors", (3, 8, 8), "resnet-14", 2, "shrink:0.5"),
    "1x8 code, group norm": ("code", (1, 8, 8), "Grouped", 2, "wrn-10-1"),
}


@quiet
@pytest.mark.parametrize("chain", CHAINS)
def test_the_whole_way(chain, tmp_path, monkeypatch, capsys):
    """Inspect, distil two rounds, export, compare: by the command line, whatever the teacher is."""
    form, size, name, classes, student = CHAINS[chain]
    monkeypatch.chdir(tmp_path)
    if form == "code":
        source, options = f"{__name__}:{name}", {"input_size": size}
        words = ("--teacher-arg", f"channels={size[0]}", f"classes={classes}")
    else:
        source, options = written(form, network(size, classes, name), size, tmp_path)
        words = ("--weights", options["weights"]) if "weights" in options else ()
    words += ("--input-size", *size) if "input_size" in options else ()
    words += ("--mean", 0.5, "--std", 0.25)
    assert zskt("inspect", source, *words) == 0
    assert "It can teach" in capsys.readouterr().out
    run = ("--student", student, "--rounds", 2, "--batch-size", 4, "--generator-width", 8)
    run += ("--image-batch-size", 8, "--replays", 1, "--out", "run")
    assert zskt("distill", "--teacher", source, *words, *run) == 0
    assert zskt("export", "run", "--out", "student.onnx", "--pixels", "0-255") == 0
    assert zskt("compare", "run", "--teacher", source, *words, "--results", "rows.json") == 0
    rows = json.loads(Path("rows.json").read_text())["rows"]
    assert all(row["macs"] > 0 for row in rows)
    assert load("run")(images(size)).shape == (5, classes)
