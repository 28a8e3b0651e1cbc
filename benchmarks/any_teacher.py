"""Whole runs with foreign teachers: an ONNX file, a network of another library, a transformer.

    uv run python benchmarks/any_teacher.py --out results/teachers.json

Each case is the commands that a user would give. What is finished is not repeated, a distillation
that was cut short goes on.
"""

import argparse
import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

from zskt.cli.tables import print_table
from zskt.jobs.verdict import signals_of
from zskt.measure.verdict.judgement import judged
from zskt.results import write_result

VIT = "patch_size=2 depth=4 embed_dim=64 num_heads=4"
RESNET = "channels=(32,64,128,256) output_stride=8"
CASES = {
    "ONNX": (
        "train lenet --data {mnist} --epochs 5 --learning-rate 0.05 --padding 2 --out {runs}/lenet",
        "export {runs}/lenet --pixels 0-1 --out {runs}/lenet.onnx",
        "distill --teacher {runs}/lenet.onnx --pixels 0-1 --student lenet --attention 0"
        " --fresh-noise --generator-width 32 --rounds 2000 --evaluate-every 200 --data {mnist}"
        " --out {runs}/from-onnx",
    ),
    "timm ResNet": (
        f"train timm:resnet18 --network-arg {RESNET} --data {{cifar10}} --flips --epochs 16"
        " --out {runs}/resnet",
        "distill --teacher {runs}/resnet --student timm:densenet121 --student-arg growth_rate=16"
        " block_config=(6,6,6) --attention 0 --rounds 2000 --evaluate-every 250 --data {cifar10}"
        " --out {runs}/from-resnet",
    ),
    "ViT": (
        f"train timm:vit_tiny_patch16_224 --network-arg {VIT} --data digits --optimizer adamw"
        " --epochs 200 --batch-size 64 --learning-rate 0.002 --weight-decay 0.05 --padding 1"
        " --precision 32 --out {runs}/vit",
        "distill --teacher {runs}/vit --student wrn-10-1 --attention 0 --fresh-noise"
        " --generator-width 64 --rounds 1600 --evaluate-every 100 --data digits --precision 32"
        " --out {runs}/from-vit",
    ),
}


def main() -> None:
    """Run the cases that are asked for, and write those that are finished."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", default="mnist")
    parser.add_argument("--cifar10", default="cifar10")
    parser.add_argument("--runs", type=Path, default=Path("runs/teachers"))
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    asked.runs.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, templates in CASES.items():
        commands = [shlex.split(each.format(**vars(asked))) for each in templates]
        if name in asked.cases:
            for words in commands:
                zskt(words)
        if finished(commands[-1]):
            rows.append(row_of(name, commands[-1]))
    print_table(rows)
    if asked.out is not None:
        settings = {"cases": {name: [f"zskt {each}" for each in it] for name, it in CASES.items()}}
        seconds = sum(row["teacher_seconds"] + row["student_seconds"] for row in rows)
        write_result(asked.out, seeds=[0], settings=settings, seconds=seconds, rows=rows)


def zskt(words: list[str]) -> None:
    """Run a command, unless it is finished."""
    out = place(words)
    if finished(words):
        return
    if words[0] == "distill" and (out / "settings.json").exists():
        words = ["distill", "--resume", str(out)]
    elif words[0] == "train":
        words = [*words, "--overwrite"]
    subprocess.run(["zskt", *words], check=True)


def place(words: list[str]) -> Path:
    """What a command writes."""
    return Path(words[words.index("--out") + 1])


def finished(words: list[str]) -> bool:
    """Whether that is there, whole."""
    out = place(words)
    return out.is_file() or (out / "result.json").exists()


def row_of(name: str, words: list[str]) -> dict[str, Any]:
    """How good a student became, as its run's last look says."""
    run = place(words)
    result = json.loads((run / "result.json").read_text())
    teacher, student = json.loads((run / "evaluation.json").read_text())["rows"][:2]
    source = Path(words[words.index("--teacher") + 1])
    taught = source if source.is_dir() else source.with_suffix("")
    return {
        "teacher": name,
        "student": words[words.index("--student") + 1],
        "teacher_parameters": teacher["parameters"],
        "student_parameters": student["parameters"],
        "teacher_accuracy": teacher["accuracy"],
        "student_accuracy": student["accuracy"],
        "agreement": student["agreement"],
        "verdict": judged(signals_of(run)).word,
        "rounds": result["rows"][-1]["round"],
        "teacher_seconds": json.loads((taught / "result.json").read_text())["seconds"],
        "student_seconds": result["seconds"],
    }


if __name__ == "__main__":
    main()
