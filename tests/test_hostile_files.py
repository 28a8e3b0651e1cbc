"""A model file from a stranger: one sentence, no time, and no memory beyond what the file holds."""

import json
import resource

import pytest
import torch
from safetensors.torch import save_file

import zskt
from zskt.model_file import Card, read_card, write_network
from zskt.networks import create

SIZE = (1, 8, 8)
BILLION = 10**9
CARDS = {
    "is damaged": [
        "{", "[]", "5", '"a"', "null", "{}",
        {"architecture": 5}, {"architecture": []}, {"architecture": "generator"},
        {"architecture": "generator", "noise_size": BILLION, "width": BILLION},
        {"input_size": [1, BILLION, BILLION]}, {"input_size": [BILLION, 8, 8]},
        {"input_size": [1, -8, 8]}, {"input_size": "big"}, {"input_size": [1, 8]},
        {"classes": BILLION}, {"classes": -1}, {"classes": 2.5}, {"mean": ["a"]}, {"std": 5},
        {"class_names": 5}, {"class_names": [1, 2]},
    ],
    "is too large": [
        {"architecture": "wrn-100000-1"}, {"architecture": "wrn-10-100000"},
        {"architecture": "resnet-1000000004"}, {"architecture": f"wrn-{'9' * 5000}-1"},
    ],
    "is of another architecture than its card says": [
        {"architecture": "wrn-16-64"}, {"architecture": "resnet-1202"},
        {"architecture": "timm:vit_tiny_patch16_224", "arguments": {"embed_dim": 60_000}},
    ],
    "gives its network's": [
        {"architecture": "timm:vit_tiny_patch16_224", "arguments": {"depth": 60_000}},
        {"architecture": "timm:resnet18", "arguments": {"layers": [2, 2, 2, 10**6]}},
        {"architecture": "timm:resnet18", "arguments": {"base_width": BILLION}},
    ],
    "is not taken from a file": [
        {"architecture": "timm:resnet18", "arguments": {name: value}}
        for name, value in {
            "pretrained": True, "checkpoint_path": "/etc/passwd", "cache_dir": "/tmp",
            "pretrained_cfg_overlay": {"url": "http://127.0.0.1"},
        }.items()
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    file = tmp_path_factory.mktemp("good") / "network.safetensors"
    card = Card(architecture="wrn-10-1", input_size=SIZE, classes=10, mean=(0.5,), std=(0.5,))
    write_network(file, create("wrn-10-1", classes=10, input_size=SIZE), card)
    return file


@pytest.mark.parametrize(
    ("sentence", "card"), [(sentence, card) for sentence, cards in CARDS.items() for card in cards]
)
def test_a_card_from_a_stranger_is_refused(good, tmp_path, sentence, card):
    import dataclasses

    text = card
    if isinstance(card, dict) and card:
        text = json.dumps(dataclasses.asdict(read_card(good)) | card)
    file = tmp_path / "gift.safetensors"
    state = zskt.load(good).state_dict()
    save_file({name: tensor.clone() for name, tensor in state.items()}, file, {"zskt": str(text)})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(zskt.UserError, match=sentence):
        zskt.load(file)
    # Libraries that are loaded on the way take some; the networks would take gigabytes.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("name", ["wrn-10-1", "resnet-8", "timm:resnet18", "torchvision:resnet18"])
def test_an_honest_file_is_read(tmp_path, name):
    file, size = tmp_path / "network.safetensors", (3, 32, 32)
    network = create(name, classes=7, input_size=size).eval()
    write_network(file, network, Card(architecture=name, input_size=size, classes=7))
    images = torch.rand(2, *size)
    assert torch.equal(zskt.load(file)(images), network(images))
