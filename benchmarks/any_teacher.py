"""Whole runs with foreign teachers: an ONNX file, a network of another library, a transformer.

    uv run python benchmarks/any_teacher.py --out results/teachers.json
    uv run python benchmarks/any_teacher.py --method replay --out results/teachers-replay.json

The first plays the method of 2019, the second ours for as many minutes as that took. What is
finished is not repeated, a distillation that was cut short goes on.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import zskt
from zskt import ZSKT, Recipe, Replay, Run, TeacherOptions
from zskt.cli.tables import print_table
from zskt.devices import resolve
from zskt.results import write_result

VIT = ("patch_size=2", "depth=4", "embed_dim=64", "num_heads=4")
RESNET = ("channels=(32,64,128,256)", "output_stride=8")
DENSENET = ("growth_rate=16", "block_config=(6,6,6)")
MINUTES = {"from-onnx": 10, "from-resnet": 34, "from-vit": 11}
"""What the published method took for its rounds, on two threads."""


def trained(
    asked: argparse.Namespace, name: str, network: str, recipe: Recipe, **options: Any
) -> Path:
    """The folder of a teacher."""
    out = asked.runs / name
    if not (out / "result.json").exists():
        recipe = replace(recipe, epochs=scaled(recipe.epochs, asked))
        device = asked.device
        zskt.train(network, out=out, recipe=recipe, device=device, overwrite=True, **options)
    return out


def distilled(
    asked: argparse.Namespace,
    name: str,
    teacher: Path,
    student: str,
    method: ZSKT,
    run: Run,
    **options: Any,
) -> Path:
    """The folder of a student: of the published method, or of ours in as much time."""
    out = asked.runs / (name if asked.method == "zskt" else f"{name}-{asked.method}")
    if (out / "result.json").exists():
        return out
    if (out / "settings.json").exists():
        zskt.distill(resume=out, run=Run(device=asked.device))
        return out
    if asked.method == "replay":
        played = Replay()
        run = Run(minutes=MINUTES[name] * asked.scale, device=asked.device)
    else:
        assert run.rounds is not None
        assert run.evaluate_every is not None
        rounds, every = scaled(run.rounds, asked), scaled(run.evaluate_every, asked)
        played, run = method, replace(run, rounds=rounds, evaluate_every=every, device=asked.device)
    zskt.distill(teacher, student, out=out, method=played, run=run, **options)
    return out


def scaled(length: int, asked: argparse.Namespace) -> int:
    """A length in rounds or epochs, as long as was asked for."""
    return max(1, round(length * asked.scale))


def onnx(asked: argparse.Namespace) -> tuple[Path, Path]:
    """A LeNet for MNIST as a file that takes pixels from 0 to 1."""
    data = asked.mnist
    recipe = Recipe(epochs=5, learning_rate=0.05, padding=2)
    teacher = trained(asked, "lenet", "lenet", recipe, data=data)
    file = asked.runs / "lenet.onnx"
    if not file.exists():
        zskt.export(teacher, out=file, pixels="0-1")
    student = distilled(
        asked, "from-onnx", file, "lenet",
        ZSKT(attention=0.0, fresh_noise=True, generator_width=32),
        Run(rounds=2000, evaluate_every=200),
        options=TeacherOptions(pixels="0-1"), data=data,
    )  # fmt: skip
    return teacher, student


def timm_resnet(asked: argparse.Namespace) -> tuple[Path, Path]:
    """A ResNet-18 with a quarter of its parameters and stride 8; a DenseNet learns from it."""
    data = asked.cifar10
    teacher = trained(
        asked,
        "resnet",
        "timm:resnet18",
        Recipe(epochs=16, flips=True),
        network_arg=RESNET,
        data=data,
    )
    student = distilled(
        asked, "from-resnet", teacher, "timm:densenet121", ZSKT(attention=0.0),
        Run(rounds=2000, evaluate_every=250), student_arg=DENSENET, data=data,
    )  # fmt: skip
    return teacher, student


def vit(asked: argparse.Namespace) -> tuple[Path, Path]:
    """A small ViT for digits; a WRN learns from it."""
    recipe = Recipe(
        optimizer="adamw", epochs=200, batch_size=64, learning_rate=0.002, weight_decay=0.05,
        padding=1,
    )  # fmt: skip
    teacher = trained(
        asked,
        "vit",
        "timm:vit_tiny_patch16_224",
        recipe,
        network_arg=VIT,
        data="digits",
        precision="32",
    )
    student = distilled(
        asked, "from-vit", teacher, "wrn-10-1",
        ZSKT(attention=0.0, fresh_noise=True, generator_width=64),
        Run(rounds=1600, evaluate_every=100, precision="32"), data="digits",
    )  # fmt: skip
    return teacher, student


CASES: dict[str, Callable[[argparse.Namespace], tuple[Path, Path]]] = {
    "ONNX": onnx,
    "timm ResNet": timm_resnet,
    "ViT": vit,
}


def row_of(name: str, taught: Path, run: Path, device: str) -> dict[str, Any]:
    """How good a student became, as its run's last look says."""
    result = json.loads((run / "result.json").read_text())
    teacher, student = json.loads((run / "evaluation.json").read_text())["rows"][:2]
    return {
        "teacher": name,
        "student": json.loads((run / "settings.json").read_text())["student"],
        "teacher_parameters": teacher["parameters"],
        "student_parameters": student["parameters"],
        "teacher_accuracy": teacher["accuracy"],
        "student_accuracy": student["accuracy"],
        "agreement": student["agreement"],
        "verdict": zskt.verdict(run, device=device).word,
        "rounds": result["rows"][-1]["round"],
        "teacher_seconds": json.loads((taught / "result.json").read_text())["seconds"],
        "student_seconds": result["seconds"],
    }


def settings_of(run: Path) -> dict[str, Any]:
    """What was set for a run, without the places of this machine."""
    settings = json.loads((run / "settings.json").read_text())
    return {name: settings[name] for name in settings.keys() - {"teacher_path", "data_dir"}}


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", default="mnist")
    parser.add_argument("--cifar10", default="cifar10")
    parser.add_argument("--runs", type=Path, default=Path("runs/teachers"))
    parser.add_argument("--method", choices=("zskt", "replay"), default="zskt")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--scale", type=float, default=1.0, help="so many times the length")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    return parser.parse_args(words)


def main() -> None:
    """Run the cases that are asked for, and write them."""
    asked = arguments()
    where = resolve(asked.device)
    asked.device = where.name
    asked.runs.mkdir(parents=True, exist_ok=True)
    rows, cases = [], {}
    for name in asked.cases:
        taught, run = CASES[name](asked)
        rows.append(row_of(name, taught, run, where.name))
        kept = [settings_of(each) for each in (taught, run)]
        cases[name] = dict(zip(("teacher", "student"), kept, strict=True))
    print_table(rows)
    if asked.out is not None:
        settings = {
            "method": asked.method,
            "scale": asked.scale,
            "device": where.name,
            "cases": cases,
        }
        seconds = sum(row["teacher_seconds"] + row["student_seconds"] for row in rows)
        write_result(
            asked.out, seeds=[0], settings=settings, seconds=seconds, rows=rows, device=where.name
        )


if __name__ == "__main__":
    main()
