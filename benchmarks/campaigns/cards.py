"""Hostile model files: what a header says, and what the tensors are."""

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from campaigns.cases import SIZE, Case, damaged, damages

GIFT = "gift.safetensors"
DOORS = (
    ("export", GIFT, "--out", "out.safetensors"),
    ("inspect", GIFT, "--student", "lenet"),
    ("train", "wrn-10-1", "--data", "{base}/data.npz", "--out", "o", "--steps", "1",
     "--init", GIFT),
)  # fmt: skip
"""Commands that read a file of ours; cases take turns."""
BILLION = 10**9
WRONG: tuple[Any, ...] = (
    None, True, 5, -1, 0, 2.5, float("nan"), float("inf"), BILLION, 2**70, "", "a", "generator",
    [], [1], [-1, 8, 8], [1, BILLION, BILLION], [[1], 8, 8], ["1", "8", "8"], {}, {"a": 1},
    [None], [float("nan")], "../../../etc/passwd", "\u0000", "x" * 100_000,
)  # fmt: skip
"""For every field of a card."""
ARCHITECTURES = (
    "wrn-100000-1", "wrn-10-100000", "wrn-10-64", "wrn-1300-1", "wrn--1-1", "wrn-0-0", "wrn-9-1",
    "resnet-1000000004", "resnet-9", "resnet-1202", "lenet", "shrink:0.5", "timm:", "timm:nothing",
    "torchvision:", "torchvision:vit_b_16", "torchvision:maxvit_t", "timm:resnet10t", "hf:x",
    "os:system", "os:abort", "builtins:exit", "sys:exit", "generator", "timm:resnet18.a1_in1k",
    "timm:vit_tiny_patch16_224", "timm:vit_giant_patch14_224", "timm:resnet152", ":", "a:b:c",
)  # fmt: skip
TEXTS = (
    "{", "[]", "5", '"a"', "null", "{}", "true", "[[1]]", "NaN", "", "[" * 100_000,
    '{"a":' * 20_000, '{"input_size": [1, 8, 8]', '{"architecture": 1e999}', "9" * 10_000,
)  # fmt: skip


def cases(base: Path, count: int) -> Iterator[Case]:
    """All that is listed, and so many damaged files."""
    from zskt.model_file import read_card

    good = asdict(read_card(base / "teacher.safetensors"))
    texts: dict[str, str] = {f"text {text[:30]}": text for text in TEXTS}
    for name in good:
        for number, value in enumerate(WRONG):
            texts[f"{name} {number}"] = json.dumps(good | {name: value})
    for name in ARCHITECTURES:
        texts[f"architecture {name}"] = json.dumps(good | {"architecture": name})
        both = {"architecture": name, "input_size": [3, 224, 224], "mean": None, "std": None}
        texts[f"large images for {name}"] = json.dumps(good | both)
    for number, (name, text) in enumerate(texts.items()):
        words = DOORS[number % len(DOORS)]
        yield Case("model card", name, words, _card(base, text))
    data = (base / "teacher.safetensors").read_bytes()
    for number, (name, change) in enumerate(_headers(data)):
        yield Case("safetensors header", name, DOORS[number % len(DOORS)], _bytes(GIFT, change))
    for number, (kind, draw) in enumerate(damages(count, 1)):
        made = _bytes(GIFT, lambda kind=kind, draw=draw: damaged(data, kind, draw))
        yield Case("safetensors header", f"{kind} {number}", DOORS[number % len(DOORS)], made)
    yield from _weights(base, count)


def _card(base: Path, text: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from safetensors.torch import load_file

        save_file(load_file(base / "teacher.safetensors"), folder / GIFT, {"zskt": text})

    return make


def _bytes(name: str, make: Callable[[], bytes]) -> Callable[[Path], int]:
    return lambda folder: (folder / name).write_bytes(make())


def _headers(data: bytes) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Headers of the format itself: sizes, offsets, shapes and types that do not fit."""
    (length,) = struct.unpack("<Q", data[:8])
    header, rest = json.loads(data[8 : 8 + length]), data[8 + length :]
    for size in (0, 1, length - 1, length + 1, 2**31, 2**63, 2**64 - 1):
        yield f"length {size}", lambda size=size: struct.pack("<Q", size) + data[8:]
    first = next(name for name in header if name != "__metadata__")
    changes: tuple[dict[str, Any], ...] = (
        {"shape": [2**62, 2**62]}, {"shape": [-1]}, {"shape": []}, {"shape": "x"}, {"shape": None},
        {"data_offsets": [0, 2**60]}, {"data_offsets": [8, 0]}, {"data_offsets": []},
        {"dtype": "F64"}, {"dtype": "X"}, {"dtype": 5}, {"dtype": "BOOL"}, {"dtype": "F8_E4M3"},
    )  # fmt: skip
    for change in changes:
        text = json.dumps(header | {first: header[first] | change}).encode()
        yield str(change), lambda text=text: struct.pack("<Q", len(text)) + text + rest
    for name in ("", "a" * 100_000, "\u0000", "head.weight.x", "__metadata__"):
        renamed = {key if key != first else name: value for key, value in header.items()}
        text = json.dumps(renamed).encode()
        yield f"name {name[:9]!r}", lambda text=text: struct.pack("<Q", len(text)) + text + rest
    for name, content in {"empty": b"", "zeros": bytes(10_000), "one": b"{"}.items():
        yield name, lambda content=content: content


def _states() -> dict[str, Callable[[], Any]]:
    """State dicts that are none, or not quite."""
    from zskt.networks import create

    def state() -> dict[str, Any]:
        return create("wrn-10-1", classes=10, input_size=SIZE).state_dict()

    weight = "head.weight"
    return {
        "integer keys": lambda: {5: torch.zeros(3), 6: torch.zeros(2)},
        "mixed keys": lambda: state() | {5: torch.zeros(1)},
        "sparse": lambda: state() | {weight: torch.zeros(10, 64).to_sparse()},
        "sparse rows": lambda: state() | {weight: torch.eye(10, 64).to_sparse_csr()},
        "meta": lambda: state() | {weight: torch.zeros(10, 64, device="meta")},
        "all meta": lambda: {name: each.to("meta") for name, each in state().items()},
        "complex": lambda: state() | {weight: torch.zeros(10, 64, dtype=torch.complex64)},
        "integer": lambda: state() | {weight: torch.zeros(10, 64, dtype=torch.int8)},
        "boolean": lambda: state() | {weight: torch.zeros(10, 64, dtype=torch.bool)},
        "quantised": lambda: (
            state() | {weight: torch.quantize_per_tensor(torch.zeros(10, 64), 0.1, 0, torch.qint8)}
        ),
        "not finite": lambda: {name: each * float("nan") for name, each in state().items()},
        "strings": lambda: dict.fromkeys(state(), "x"),
        "a list": lambda: [torch.zeros(3)],
        "a number": lambda: 5,
        "a tensor": lambda: torch.zeros(5),
        "nothing": lambda: None,
        "empty": dict,
        "nested": lambda: {"state_dict": {"model": {"net": {"network": state()}}}},
        "round and round": lambda: {"state_dict": {"state_dict": 5}},
        "one dimension more": lambda: state() | {weight: torch.zeros(1, 10, 64)},
        "no classes": lambda: state() | {weight: torch.zeros(0, 64)},
        "a view of much": lambda: state() | {weight: torch.zeros(1, 1).expand(10, 64)},
        "many": lambda: {f"a.{number}": torch.zeros(1) for number in range(3000)},
        "dots": lambda: {"." * 3000: torch.zeros(1)},
    }


def _weights(base: Path, count: int) -> Iterator[Case]:
    words = ("inspect", "wrn-10-1", "--input-size", "1", "8", "8", "--student", "lenet")
    for number, (name, make) in enumerate(_states().items()):
        saved = _saved(make)
        for name_of_network in ("wrn-10-1", "timm:resnet10t"):
            given = (words[0], name_of_network, *words[2:], "--weights", "w.pth")
            yield Case("weights", f"{name} {number} {name_of_network}", given, saved)
    for end in ("pth", "safetensors"):
        file = "weights.pth" if end == "pth" else "teacher.safetensors"
        data = (base / file).read_bytes()
        for kind, draw in damages(count, 2):
            name = f"w.{end}"
            made = _bytes(name, lambda kind=kind, draw=draw, data=data: damaged(data, kind, draw))
            yield Case(
                "weights", f"{end} {kind} {draw.random()}", (*words, "--weights", name), made
            )
    for name, content in {
        "empty": b"",
        "pickle": b"cos\nsystem\n(S'true'\ntR.",
        "zip": b"PK",
    }.items():
        given = (*words, "--weights", "w.pth")
        yield Case("weights", name, given, _bytes("w.pth", lambda content=content: content))


def _saved(make: Callable[[], Any]) -> Callable[[Path], None]:
    return lambda folder: torch.save(make(), folder / "w.pth")
