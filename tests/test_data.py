"""Reading data, and every way in which it can be wrong."""

import os
import struct
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from zskt.data import ImageData, Split, load_data
from zskt.data.batches import Shuffled, augment
from zskt.data.image_data import pixel_statistics
from zskt.errors import UserError
from zskt.images import Normalisation


def arrays(**changes):
    random = np.random.default_rng(0)
    good = {
        "train_images": random.integers(0, 256, (12, 8, 8, 3), dtype=np.uint8),
        "train_labels": np.arange(12).reshape(-1, 1) % 3,
        "test_images": random.integers(0, 256, (6, 8, 8, 3), dtype=np.uint8),
        "test_labels": np.arange(6).reshape(-1, 1) % 3,
    }
    return {key: value for key, value in {**good, **changes}.items() if value is not None}


NO_TEST_IMAGES = {
    "test_images": np.zeros((0, 8, 8, 3), np.uint8),
    "test_labels": np.zeros(0, int),
}


def saved(tmp_path, **changes):
    file = tmp_path / "scans.npz"
    np.savez(file, **arrays(**changes))
    return file


def test_npz_as_medmnist_writes_it(tmp_path):
    data = load_data(str(saved(tmp_path, val_images=np.zeros(3))))
    assert data.input_size == (3, 8, 8)
    assert data.class_names == ("0", "1", "2")
    assert not data.flips
    original = arrays()
    assert torch.equal(
        data.train.images[5].permute(1, 2, 0), torch.tensor(original["train_images"][5])
    )
    assert data.test.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert data.mean == pytest.approx(original["train_images"].mean((0, 1, 2)) / 255, abs=1e-6)
    assert data.std == pytest.approx(original["train_images"].std((0, 1, 2)) / 255, abs=1e-6)


def test_grey_npz_with_class_names(tmp_path):
    grey = {f"{part}_images": arrays()[f"{part}_images"][..., 0] for part in ("train", "test")}
    data = load_data(str(saved(tmp_path, **grey, class_names=np.array(["a", "b", "c", "d"]))))
    assert data.input_size == (1, 8, 8)
    assert data.classes == 4


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"test_labels": None}, "lacks test_labels"),
        ({"train_images": np.zeros((12, 8, 8, 2), np.uint8)}, "must be"),
        ({"train_images": np.zeros((12, 64), np.uint8)}, "must be"),
        ({"train_images": np.zeros((12, 8, 8), np.float32)}, "uint8"),
        ({"train_labels": np.zeros(12)}, "integers"),
        ({"train_labels": np.zeros((12, 2), int)}, "integers"),
        ({"train_labels": np.zeros(11, int)}, "12 train images but 11 labels"),
        ({"test_images": np.zeros((6, 9, 9, 3), np.uint8)}, "make them equal"),
        ({"train_labels": np.arange(12) - 1}, "labels must be 0 to"),
        ({"class_names": np.array(["a", "b"])}, "labels must be 0 to 1"),
        (NO_TEST_IMAGES, "no image"),
    ],
)
def test_wrong_npz(tmp_path, changes, said):
    with pytest.raises(UserError, match=said):
        load_data(str(saved(tmp_path, **changes)))


def test_missing_damaged_and_pickled_npz(tmp_path):
    with pytest.raises(UserError, match="there is no data file"):
        load_data(str(tmp_path / "none.npz"))
    file = saved(tmp_path)
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(UserError, match="make it anew"):
        load_data(str(file))
    pickled = saved(tmp_path, train_labels=np.array([{}] * 12, dtype=object))
    with pytest.raises(UserError, match="pickles"):
        load_data(str(pickled))


def test_unknown_data():
    with pytest.raises(UserError, match="cifar10"):
        load_data("cifar-10")


def test_digits_are_split_evenly():
    data = load_data("digits")
    assert (len(data.train), len(data.test)) == (1347, 450)
    assert data.input_size == (1, 8, 8)
    assert data.test.labels.bincount().min() >= 43
    assert data.train.images.max() == 255


def folder_of_images(path, mode="RGB", size=(8, 8), part="test"):
    random = np.random.default_rng(0)
    for where in ("train", part):
        for name in ("cat", "dog"):
            (path / where / name).mkdir(parents=True)
            for number in range(2):
                pixels = random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
                image = Image.fromarray(pixels).convert(mode)
                image.save(path / where / name / f"{number}.png")


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1)])
@pytest.mark.parametrize("part", ["test", "val"])
def test_folder(tmp_path, mode, channels, part):
    folder_of_images(tmp_path, mode, (10, 8), part)
    data = load_data(f"folder:{tmp_path}")
    assert data.input_size == (channels, 8, 10)
    assert data.class_names == ("cat", "dog")
    assert data.test.labels.tolist() == [0, 0, 1, 1]


def test_wrong_folders(tmp_path):
    name = f"folder:{tmp_path}"
    with pytest.raises(UserError, match="train/ and test/"):
        load_data(name)
    folder_of_images(tmp_path)
    Image.new("RGB", (9, 9)).save(tmp_path / "train" / "dog" / "odd.png")
    with pytest.raises(UserError, match="make all sizes equal"):
        load_data(name)
    (tmp_path / "train" / "dog" / "odd.png").write_bytes(b"no image")
    with pytest.raises(UserError, match="is no whole image"):
        load_data(name)
    (tmp_path / "train" / "dog" / "odd.png").unlink()
    (tmp_path / "test" / "bird").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "test" / "bird" / "0.png")
    with pytest.raises(UserError, match="bird is not in both"):
        load_data(name)


@pytest.mark.parametrize("kind", ["loop", "pipe", "device", "large"])
def test_folders_from_strangers(tmp_path, kind):
    """Nothing in them hangs, and none of it takes memory."""
    folder_of_images(tmp_path)
    place = tmp_path / "train" / "dog"
    if kind == "loop":
        for name in "abc":
            (place / name).symlink_to(tmp_path)
        assert len(load_data(f"folder:{tmp_path}").train) == 4
        return
    if kind == "pipe":
        os.mkfifo(place / "pipe.png")
    elif kind == "device":
        (place / "zero.png").symlink_to("/dev/zero")
    else:
        Image.new("1", (20_000, 20_000)).save(place / "large.png")
    with pytest.raises(UserError, match=r"is no file|is no whole image"):
        load_data(f"folder:{tmp_path}")


def test_archives_from_strangers(tmp_path):
    file = tmp_path / "data.npz"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("train_images.npy", "w", force_zip64=True) as member:
            for _ in range(33):
                member.write(bytes(2**24))
        archive.writestr("train_labels", "hello")
    with pytest.raises(UserError, match=r"unpacks to 0\.6 GB"):
        load_data(str(file))
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("train_images", "hello")
    with pytest.raises(UserError, match="is no array"):
        load_data(str(file))
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(UserError, match="is no file"):
        load_data(str(file))


def test_mnist_from_torchvisions_files(tmp_path):
    """The files that torchvision keeps, in the idx format of the original."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, count in (("train", 20), ("t10k", 10)):
        pixels = np.random.default_rng(0).integers(0, 256, (count, 28, 28), dtype=np.uint8)
        header = struct.pack(">IIII", 0x803, count, 28, 28)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(header + pixels.tobytes())
        labels = np.arange(count, dtype=np.uint8) % 10
        header = struct.pack(">II", 0x801, count)
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(header + labels.tobytes())
    data = load_data("mnist", tmp_path)
    assert data.input_size == (1, 28, 28)
    assert (len(data.train), len(data.test)) == (20, 10)
    assert data.classes == 10
    assert not data.flips


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "svhn", "mnist", "fashion-mnist"])
def test_public_data_without_a_network(tmp_path, name, monkeypatch):
    def fails(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", fails)
    with pytest.raises(UserError, match="cannot be downloaded"):
        load_data(name, tmp_path)


@given(st.integers(0, 500), st.integers(0, 4), st.booleans())
def test_augmentation_shifts_and_mirrors(seed, padding, flips):
    random = torch.Generator().manual_seed(seed)
    images = torch.randint(1, 256, (3, 2, 8, 8), generator=random, dtype=torch.uint8)
    moved = augment(images, random, padding=padding, flips=flips)
    assert moved.shape == images.shape
    padded = torch.nn.functional.pad(images, (padding,) * 4)
    for image, frame in zip(moved, padded, strict=True):
        found = [
            torch.equal(candidate, image)
            for top in range(2 * padding + 1)
            for left in range(2 * padding + 1)
            for window in [frame[:, top : top + 8, left : left + 8]]
            for candidate in ([window, window.flip(2)] if flips else [window])
        ]
        assert any(found)


def test_batches_hold_every_image_once():
    split = Split(torch.zeros(20, 1, 8, 8, dtype=torch.uint8), torch.arange(20))
    random = torch.Generator().manual_seed(0)
    batches = Shuffled(split, 6, random)
    for _ in range(2):
        labels = [batches.take()[1].tolist() for _ in range(3)]
        assert [len(batch) for batch in labels] == [6, 6, 6]
        assert len({label for batch in labels for label in batch}) == 18
    assert len(Shuffled(split, 64, random).take()[1]) == 20


def test_batches_go_on_from_where_they_were():
    split = Split(torch.zeros(20, 1, 8, 8, dtype=torch.uint8), torch.arange(20))
    whole = Shuffled(split, 6, torch.Generator().manual_seed(0))
    told = [whole.take()[1].tolist() for _ in range(5)]
    random = torch.Generator().manual_seed(0)
    first = Shuffled(split, 6, random)
    again = [first.take()[1].tolist() for _ in range(2)]
    other = Shuffled(split, 6, random)
    other.load_state_dict(first.state_dict())
    assert again + [other.take()[1].tolist() for _ in range(3)] == told
    few = Split(split.images[:10], split.labels[:10])
    with pytest.raises(ValueError, match="other images"):
        Shuffled(few, 6, random).load_state_dict(first.state_dict())


def test_normalised_training_images_have_mean_zero_and_deviation_one():
    images = torch.randint(0, 256, (50, 3, 8, 8), dtype=torch.uint8)
    mean, std = pixel_statistics(images)
    normalised = Normalisation(mean, std).normalised(images)
    torch.testing.assert_close(normalised.mean((0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(
        normalised.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-4, rtol=0
    )


def test_data_tells_its_form():
    split = Split(torch.zeros(2, 1, 8, 9, dtype=torch.uint8), torch.tensor([0, 1]))
    data = ImageData(split, split, ("a", "b"), (0.0,), (1.0,))
    assert (data.input_size, data.classes) == ((1, 8, 9), 2)


def test_cutout_blanks_one_square_in_each_image():
    images = torch.full((200, 2, 12, 12), 9, dtype=torch.uint8)
    random = torch.Generator().manual_seed(0)
    cut = augment(images, random, padding=0, flips=False, cutout=4)
    blank = cut[:, 0] == 0
    assert torch.equal(blank, cut[:, 1] == 0)
    areas = blank.sum((1, 2))
    # Cut off at the borders, two to four pixels of a side are left.
    assert areas.min() == 4
    assert areas.max() == 16
    rows, columns = blank.any(2).sum(1), blank.any(1).sum(1)
    assert torch.equal(rows * columns, areas)
    assert 0.04 < blank.double().mean() < 16 / 144
    whole = augment(images, random, padding=0, flips=False)
    assert torch.equal(whole, images)
