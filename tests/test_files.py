"""Model files, checkpoints and run folders: what is written is read back, and never in part."""

import errno
import json
import os
import stat
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

import zskt
from players import same_weights
from zskt.errors import UserError
from zskt.files import check_writable, write_atomically
from zskt.model_file import Card, load, load_weights, read_card, write_network
from zskt.networks import Generator, create
from zskt.runs.checkpoint import read_state, write_state
from zskt.runs.folder import RunFolder
from zskt.runs.tensorboard import Board
from zskt.runs.writer import FolderWriter

SIZE = (3, 8, 8)
RUN = {"command_name": "distill"}
CARD = Card(
    architecture="wrn-10-1", input_size=SIZE, classes=4, mean=(0.5, 0.5, 0.5),
    std=(0.2, 0.2, 0.2), class_names=("a", "b", "c", "ü"),
)  # fmt: skip


@pytest.fixture
def network():
    return create("wrn-10-1", classes=4, input_size=SIZE)


def test_a_model_file_builds_its_network(tmp_path, network):
    file = tmp_path / "model.safetensors"
    network(torch.randn(4, *SIZE))
    write_network(file, network, CARD)
    assert read_card(file) == CARD
    for path in (file, str(file), tmp_path):
        loaded = load(path)
        assert same_weights(loaded, network)
        assert not loaded.training


def test_half_the_size(tmp_path, network):
    files = [tmp_path / name for name in ("whole.safetensors", "half.safetensors")]
    for file, half in zip(files, (False, True), strict=True):
        write_network(file, network, CARD, half=half)
    assert files[1].stat().st_size < 0.6 * files[0].stat().st_size
    loaded = load(files[1])
    assert loaded.stem.weight.dtype is torch.float32
    torch.testing.assert_close(loaded.stem.weight, network.stem.weight, atol=1e-3, rtol=1e-3)


def test_a_generator_file(tmp_path):
    generator = Generator(SIZE, noise_size=7, width=16)
    card = Card(architecture="generator", input_size=SIZE, noise_size=7, width=16)
    write_network(tmp_path / "generator.safetensors", generator, card)
    assert same_weights(load(tmp_path / "generator.safetensors"), generator)


def test_wrong_model_files(tmp_path, network):
    file = tmp_path / "model.safetensors"
    with pytest.raises(UserError, match="there is no model file"):
        load(file)
    with pytest.raises(UserError, match="holds neither"):
        load(tmp_path)
    write_network(file, network, CARD)
    with pytest.raises(UserError, match="another architecture"):
        load_weights(file, create("wrn-16-1", classes=4, input_size=SIZE))
    with pytest.raises(UserError, match="another architecture"):
        load_weights(file, create("wrn-10-1", classes=5, input_size=SIZE))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(UserError, match="cut short"):
        load(file)
    save_file({"a": torch.zeros(1)}, file)
    with pytest.raises(UserError, match="not written by zskt"):
        load(file)
    write_network(file, network, Card(architecture=None, input_size=SIZE))
    with pytest.raises(UserError, match="load_weights"):
        load(file)


def test_a_full_disk_keeps_what_was_there(tmp_path, monkeypatch):
    file = tmp_path / "precious"
    write_atomically(file, "old")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UserError, match="No space left"):
        write_atomically(file, "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


plain = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.text()
    | st.floats(allow_nan=False)
)
tensors = st.builds(
    lambda shape, kind: (torch.rand(shape) * 9).to(kind),
    st.lists(st.integers(0, 3), max_size=4),
    st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8]),
)
trees = st.recursive(
    plain | tensors,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


def same(one, other):
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and all(map(same, one, other)) and len(one) == len(other)
    return one == other and type(one) is type(other)


@given(trees)
def test_any_state_comes_back(tmp_path_factory, tree):
    file = tmp_path_factory.mktemp("state") / "state.safetensors"
    write_state(file, tree)
    assert same(tree, read_state(file))


def test_state_keeps_strides(tmp_path):
    tensor = torch.rand(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    write_state(tmp_path / "s", {"t": tensor})
    back = read_state(tmp_path / "s")["t"]
    assert back.stride() == tensor.stride()
    assert torch.equal(back, tensor)


def test_damaged_checkpoints(tmp_path):
    file = tmp_path / "state.safetensors"
    with pytest.raises(UserError, match="there is no checkpoint"):
        read_state(file)
    write_state(file, {"t": torch.rand(100)})
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(UserError, match="damaged"):
        read_state(file)
    with pytest.raises(TypeError, match="object"):
        write_state(file, object())


def test_a_run_is_not_overwritten_by_accident(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create({**RUN, "a": 1})
    folder.record({"round": 1})
    mine = folder.path / "thesis.json"
    mine.write_text("mine")
    with pytest.raises(UserError, match=r"`overwrite`.*`resume`"):
        RunFolder(folder.path).create({**RUN, "a": 2})
    assert folder.settings() == {**RUN, "a": 1}
    folder.create({**RUN, "a": 2}, overwrite=True)
    assert folder.settings() == {**RUN, "a": 2}
    assert folder.metrics() == []
    assert mine.read_text() == "mine"


def test_a_run_of_another_command_is_never_overwritten(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create({"command_name": "train"})
    (folder.path / "model.safetensors").write_text("precious")
    for overwrite in (False, True):
        with pytest.raises(UserError, match="holds a run of zskt train, which zskt distill does"):
            folder.create(RUN, overwrite=overwrite)
    assert (folder.path / "model.safetensors").read_text() == "precious"


def test_no_network_of_the_run_before_survives_an_overwrite(tmp_path):
    """Whatever the method called it."""
    folder = RunFolder(tmp_path / "run")
    folder.create(RUN)
    network, card = nn.Linear(2, 2), Card(architecture=None, input_size=SIZE, classes=4)
    writer = FolderWriter(folder, card, RUN, None)
    writer.finish(network, network, {"critic": network, "painter": network}, "painter")
    writer.keep(1, network)
    written = {str(file.relative_to(folder.path)) for file in folder.path.rglob("*.safetensors")}
    assert written == {
        "student.safetensors", "student-average.safetensors", "source.safetensors",
        "networks/critic.safetensors", "snapshots/source-000001.safetensors",
    }  # fmt: skip
    folder.create(RUN, overwrite=True)
    assert not list(folder.path.rglob("*.safetensors"))


def test_two_writers_do_not_share_a_temporary_file(tmp_path, monkeypatch):
    file, temporary = tmp_path / "file", []
    replace = Path.replace

    def interrupted(self, target):
        """Another writer of the same file comes in between."""
        temporary.append(self)
        if len(temporary) == 1:
            write_atomically(file, "other")
            assert self.exists()
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    write_atomically(file, "ours")
    assert file.read_text() == "ours"
    assert len(set(temporary)) == 2
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EACCES, errno.ENOTSUP])
def test_folders_that_cannot_be_synced(tmp_path, monkeypatch, number):
    """As on network shares; a file that cannot be synced is another matter."""
    fsync = os.fsync

    def only_files(opened):
        if stat.S_ISDIR(os.fstat(opened).st_mode):
            raise OSError(number, os.strerror(number))
        fsync(opened)

    monkeypatch.setattr("os.fsync", only_files)
    write_atomically(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new"


def test_folders_that_cannot_be_runs(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        RunFolder(tmp_path / "file").create(RUN)
    with pytest.raises(UserError, match="cannot write"):
        RunFolder(tmp_path / "file" / "run").create(RUN)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("")
    with pytest.raises(UserError, match="other files"):
        RunFolder(tmp_path / "other").create(RUN, overwrite=True)
    with pytest.raises(UserError, match="holds no run"):
        RunFolder(tmp_path / "none").settings()


def test_rewinding_forgets_what_came_after(tmp_path):
    folder = RunFolder(tmp_path)
    folder.create(RUN)
    folder.samples.mkdir()
    for number in (1, 2, 3):
        folder.record({"round": number})
        (folder.samples / f"round-{number:06d}.png").touch()
    with folder.metrics_file.open("a") as file:
        file.write('{"round": 4, "los')
    assert folder.rewind(2) == [{"round": 1}, {"round": 2}]
    lines = folder.metrics_file.read_text().splitlines()
    assert [json.loads(line)["round"] for line in lines] == [1, 2]
    assert len(list(folder.samples.iterdir())) == 2


def test_the_metrics_go_to_tensorboard_too(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = Board(tmp_path)
    for number in (10, 20):
        board.record({"round": number, "student_loss": number / 4, "teacher_classes": [3, 0, 1]})
    board.close()
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [(each.step, each.value) for each in events.Scalars("student_loss")] == [
        (10, 2.5), (20, 5.0),
    ]  # fmt: skip
    assert events.Histograms("teacher_classes")[0].histogram_value.num == 4


def test_without_tensorboard_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    board = Board(tmp_path / "board")
    board.record({"round": 1, "student_loss": 0.5})
    board.close()
    assert not (tmp_path / "board").exists()


def test_a_place_that_cannot_be_written_shows_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "text").write_text("a file")
    check_writable(tmp_path / "new" / "deeper" / "result.json")
    assert not (tmp_path / "new").exists()
    with pytest.raises(UserError, match="is a folder; give a file"):
        check_writable(tmp_path)
    with pytest.raises(UserError, match=r"cannot write to .*text; choose another place"):
        check_writable(tmp_path / "text" / "result.json")
    with pytest.raises(UserError, match=r"cannot write to .*text"):
        zskt.distill(nn.Identity(), "wrn-10-1", results=str(tmp_path / "text" / "result.json"))
    monkeypatch.setattr("zskt.files.os.access", lambda path, mode: False)
    with pytest.raises(UserError, match=f"cannot write to {tmp_path}"):
        check_writable(tmp_path / "result.json")
