"""Images that a method keeps: the newest, in a file of which a checkpoint has the count."""

import pytest
import torch

from players import SIZE, make_session
from zskt.errors import UserError
from zskt.images import Normalisation
from zskt.runs.image_memory import MOST, MOST_BYTES, ImageMemory

NORMALISATION = Normalisation((0.5, 0.4, 0.3), (0.2, 0.25, 0.3))


def images(count, seed=0):
    shares = torch.rand(count, *SIZE, generator=torch.Generator().manual_seed(seed))
    mean, std = (
        torch.tensor(values).view(-1, 1, 1) for values in ((0.5, 0.4, 0.3), (0.2, 0.25, 0.3))
    )
    return (shares - mean) / std


def test_images_come_back_within_half_a_grey_level(tmp_path):
    for file in (None, tmp_path / "m.u8"):
        memory = ImageMemory(file, SIZE, NORMALISATION)
        memory.add(images(5))
        memory.add(images(3, seed=1))
        assert len(memory) == 8
        kept = memory.take(torch.tensor([7, 0]))
        given = torch.stack([images(3, seed=1)[2], images(5)[0]])
        assert (kept - given).abs().max() <= 0.5 / 255 / 0.2 + 1e-5


def test_a_checkpoint_has_the_length_alone(tmp_path):
    memory = ImageMemory(tmp_path / "memory" / "m.u8", SIZE, NORMALISATION)
    memory.add(images(4))
    state = memory.state_dict()
    assert state == {"count": 4, "in_file": 4, "most": MOST}
    assert memory.file.stat().st_size == 4 * 3 * 8 * 8
    memory.add(images(2))
    assert memory.state_dict()["count"] == 6


def test_going_back_cuts_off_what_came_after(tmp_path):
    file = tmp_path / "m.u8"
    memory = ImageMemory(file, SIZE, NORMALISATION)
    memory.add(images(4))
    state, before = memory.state_dict(), file.read_bytes()
    memory.add(images(9, seed=1))
    memory.state_dict()
    again = ImageMemory(file, SIZE, NORMALISATION)
    later = file.read_bytes()
    again.read(4)
    assert len(again) == 4
    assert file.read_bytes() == later
    assert len(later) == 13 * 192
    again.load_state_dict(state)
    assert file.read_bytes() == before
    assert torch.equal(again.take(torch.arange(4)), memory.take(torch.arange(4)))
    again.add(images(1, seed=2))
    assert again.state_dict()["count"] == 5
    assert file.stat().st_size == 5 * 192
    file.write_bytes(before[:-1])
    with pytest.raises(UserError, match="lacks images"):
        ImageMemory(file, SIZE, NORMALISATION).load_state_dict(state)


def test_a_file_that_is_too_short_or_gone_is_told(tmp_path):
    file = tmp_path / "m.u8"
    with pytest.raises(UserError, match="lacks images; start the run anew"):
        ImageMemory(file, SIZE, NORMALISATION).read(1)
    file.write_bytes(bytes(2 * 192 - 1))
    memory = ImageMemory(file, SIZE, NORMALISATION)
    for take in (memory.read, lambda count: memory.load_state_dict({"count": count})):
        with pytest.raises(UserError, match="lacks images"):
            take(2)
        assert file.stat().st_size == 2 * 192 - 1
    memory.read(1)
    assert len(memory) == 1
    memory.load_state_dict({"count": 0})
    assert len(memory) == 0
    assert file.stat().st_size == 0


def test_a_memory_without_a_file_is_in_the_state(tmp_path):
    memory = ImageMemory(None, SIZE, NORMALISATION)
    memory.add(images(3))
    state = memory.state_dict()
    memory.add(images(2, seed=1))
    again = ImageMemory(None, SIZE, NORMALISATION)
    again.load_state_dict(state)
    assert len(again) == state["count"] == 3
    assert torch.equal(again.take(torch.arange(3)), memory.take(torch.arange(3)))


def test_images_are_drawn_by_a_seed():
    memory = ImageMemory(None, SIZE)
    memory.add(images(6))
    assert torch.equal(memory.images(4, seed=1), memory.images(4, seed=1))
    assert not torch.equal(memory.images(4, seed=1), memory.images(4, seed=2))
    assert memory.images(15, seed=0).shape == (15, *SIZE)
    assert len(memory.images(6, seed=0).flatten(1).unique(dim=0)) == 6


def test_a_memory_in_a_session_survives_a_restart(tmp_path, teacher, student):
    first = make_session(teacher, student, memories=tmp_path / "memory")
    memory = first.memory("images", 10)
    first.ready()
    memory.add(images(3))
    saved = first.state_dict()
    memory.add(images(2, seed=1))
    memory.state_dict()
    second = make_session(teacher, student, memories=tmp_path / "memory", saved=saved)
    again = second.memory("images", 10)
    assert len(again) == 3
    assert torch.equal(again.take(torch.arange(3)), memory.take(torch.arange(3)))


@pytest.mark.parametrize("batches", [(3, 3), (5, 2), (4, 4, 4), (12,), (5, 5, 5, 5, 4)])
@pytest.mark.parametrize("later", [1, 5, 8, 12, 17])
def test_the_newest_are_kept_and_survive_what_came_after_a_checkpoint(tmp_path, batches, later):
    """With room for five: going back to the checkpoint finds the same five, whatever came after."""
    file = tmp_path / "m.u8"
    memory = ImageMemory(file, SIZE, NORMALISATION, most=5)
    given = []
    for number, count in enumerate(batches):
        given += images(count, seed=number)
        memory.add(images(count, seed=number))
        state = memory.state_dict()
    before = memory.take(torch.arange(len(memory)))
    newest = torch.stack(given[-5:])
    assert len(memory) == min(5, len(given))
    apart = (before[:, None] - newest[None]).flatten(2).abs().amax(2).amin(1)
    assert apart.max() <= 0.5 / 255 / 0.2 + 1e-5
    for number in range(later):
        memory.add(images(1, seed=100 + number))
    memory.state_dict()
    assert file.stat().st_size <= 10 * 192
    again = ImageMemory(file, SIZE, NORMALISATION, most=5)
    again.load_state_dict(state)
    assert torch.equal(again.take(torch.arange(len(again))), before)


def test_a_memory_takes_no_more_than_it_says():
    assert ImageMemory(None, (3, 224, 224)).most == MOST_BYTES // (3 * 224 * 224)
    assert ImageMemory(None, SIZE, most=10**12).most == MOST_BYTES // 192
    memory = ImageMemory(None, SIZE, most=7)
    for number in range(4):
        memory.add(images(3, seed=number))
    assert len(memory) == 7
    assert memory._places.nbytes == 7 * 192
