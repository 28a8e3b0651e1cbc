"""Hostile graphs: ONNX, TorchScript, torch.export."""

import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from campaigns.cases import Case, damaged, damages

NAMES = {"onnx": "ONNX", "pt": "TorchScript", "pt2": "torch.export"}
ABOUT: tuple[Any, ...] = (
    "{", "[]", "5", "null", '{"input_size": 5}', '{"input_size": [1, 8]}', '{"network": "x"}',
    '{"input_size": [1000000000, 8, 8]}', '{"mean": "x", "std": 5}', '{"mean": [NaN], "std": [0]}',
    '{"pixels": "other"}', '{"pixels": 5}', '{"class_names": 5}', '{"class_names": [5]}',
    '{"batch": -1}', '{"batch": 1000000000}', '{"unknown": 1}', '{"batch": "x"}', "[" * 99_999,
)  # fmt: skip
"""What a file tells of itself."""


def cases(base: Path, count: int) -> Iterator[Case]:
    """All that is listed, and so many damaged files of each kind."""
    for end, group in NAMES.items():
        words = ("inspect", f"gift.{end}", "--student", "lenet")
        words += ("--input-size", "1", "8", "8") if end == "pt" else ()
        data = (base / f"teacher.{end}").read_bytes()
        for number, (kind, draw) in enumerate(damages(count, 5)):
            yield Case(group, f"{kind} {number}", words, _bytes(end, data, kind, draw))
        for number, text in enumerate(ABOUT):
            yield Case(group, f"about {number}", words, _about(base, end, text))
        for name, content in {"empty": b"", "zeros": bytes(5000), "text": b"hello"}.items():
            yield Case(group, name, words, _whole(end, content))
        yield Case(
            group, "a folder", words, lambda folder, end=end: (folder / f"gift.{end}").mkdir()
        )
    words = ("inspect", "gift.onnx", "--student", "lenet")
    for name, change in _onnx().items():
        yield Case("ONNX", name, words, _changed(base, change))


def _bytes(end: str, data: bytes, kind: str, draw: random.Random) -> Callable[[Path], int]:
    return lambda folder: (folder / f"gift.{end}").write_bytes(damaged(data, kind, draw))


def _whole(end: str, content: bytes) -> Callable[[Path], int]:
    return lambda folder: (folder / f"gift.{end}").write_bytes(content)


def _about(base: Path, end: str, text: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        source, file = base / f"teacher.{end}", folder / f"gift.{end}"
        if end == "onnx":
            import onnx

            model = onnx.load(source)
            next(each for each in model.metadata_props if each.key == "zskt").value = text
            onnx.save(model, file)
            return
        with zipfile.ZipFile(source) as old, zipfile.ZipFile(file, "w") as new:
            for name in old.namelist():
                ours = name.endswith("/extra/zskt")
                new.writestr(name, text.encode() if ours else old.read(name))

    return make


def _changed(base: Path, change: Callable[[Any], object]) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        import onnx

        model = onnx.load(base / "teacher.onnx")
        change(model)
        (folder / "gift.onnx").write_bytes(model.SerializeToString())

    return make


def _onnx() -> dict[str, Callable[[Any], object]]:
    """Changes of a model."""

    def outside(place: str, **more: str) -> Callable[[Any], None]:
        def change(model: Any) -> None:
            tensor = model.graph.initializer[0]
            tensor.data_location = 1
            tensor.ClearField("raw_data")
            for key, value in {"location": place, **more}.items():
                tensor.external_data.add(key=key, value=value)

        return change

    def dims(*sides: int) -> Callable[[Any], None]:
        def change(model: Any) -> None:
            del model.graph.initializer[0].dims[:]
            model.graph.initializer[0].dims.extend(sides)

        return change

    def shape(*sides: int) -> Callable[[Any], None]:
        def change(model: Any) -> None:
            dimensions = model.graph.input[0].type.tensor_type.shape
            del dimensions.dim[:]
            for side in sides:
                dimensions.dim.add(dim_value=side)

        return change

    def names(attribute: str, value: str) -> Callable[[Any], None]:
        return lambda model: setattr(model.graph.node[0], attribute, value)

    return {
        "outside passwd": outside("/etc/passwd"),
        "outside up": outside("../../../etc/passwd"),
        "outside missing": outside("weights.bin"),
        "outside device": outside("/dev/zero"),
        "outside far": outside("gift.onnx", offset=str(2**62), length=str(2**62)),
        "outside itself": outside("gift.onnx", offset="0", length="10"),
        "outside none": outside(""),
        "dims huge": dims(2**40, 2**20),
        "dims negative": dims(-1),
        "dims none": dims(),
        "input huge": shape(2**40, 1, 8, 8),
        "input 3": shape(1, 8, 8),
        "input none": shape(),
        "input negative": shape(-1, 1, 8, 8),
        "input large": shape(1, 1, 2**20, 2**20),
        "input 5": shape(1, 1, 1, 8, 8),
        "input batch 0": shape(0, 1, 8, 8),
        "operator": names("op_type", "Nothing"),
        "domain": names("domain", "evil"),
        "loop": names("op_type", "Loop"),
        "no nodes": lambda model: model.graph.ClearField("node"),
        "no outputs": lambda model: model.graph.ClearField("output"),
        "no inputs": lambda model: model.graph.ClearField("input"),
        "no weights": lambda model: model.graph.ClearField("initializer"),
        "doubles": lambda model: setattr(model.graph.input[0].type.tensor_type, "elem_type", 11),
        "opset": lambda model: setattr(model.opset_import[0], "version", 10**6),
        "no opset": lambda model: model.ClearField("opset_import"),
        "cycle": lambda model: model.graph.node[0].input.append(model.graph.node[-1].output[0]),
    }
