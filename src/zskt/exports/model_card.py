"""The README.md of a run folder: a model card as the Hugging Face hub reads it.

After it, `huggingface-cli upload REPO RUN` puts a student online with where it came from.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from zskt.methods import METHODS
from zskt.model_file import Card, parameters
from zskt.verdict.judgement import Verdict

LIMITS = """
- **Accuracy on real images is unknown until it is tested on some.** The student has seen none, and
  agreement with its teacher on generated images does not say how it does on yours.
- **Data-free is not private.** What the teacher leaks about its training images, such as who was
  among them, this student may leak too.
- **Backdoors and biases transfer.** The student was taught to say what its teacher says, wrong
  answers included.
""".strip()


def model_card(
    settings: dict[str, Any],
    card: Card,
    last: dict[str, Any],
    student: nn.Module,
    verdict: Verdict,
    judged: Sequence[dict[str, Any]],
) -> str:
    """The text of the card.

    Args:
        settings: of the run, as in its settings.json.
        card: of the student's file.
        last: the last row of its metrics.
        student: the network.
        verdict: how good it seems without data.
        judged: rows of an evaluation on real images; empty if there was none.
    """
    size = "x".join(map(str, card.input_size))
    name = f"{card.architecture or 'a network'} distilled without data"
    given = str(settings["teacher"])
    teacher = Path(given).name if Path(settings["teacher_path"]).is_absolute() else given
    about = (sys.modules[METHODS[settings["method"]].__module__].__doc__ or "").splitlines()[0]
    shown = {
        **settings["method_settings"],
        "rounds": last["round"],
        "seed": settings["run"]["seed"],
    }
    lines = [
        "---",
        "library_name: zskt",
        "pipeline_tag: image-classification",
        "tags:",
        "- knowledge-distillation",
        "- data-free",
        "- zero-shot",
        "---",
        "",
        f"# {name}",
        "",
        f"An image classifier, {size} (channels, height, width) to {card.classes} classes, "
        f"{parameters(student):,} parameters. It was distilled from a teacher without any data.",
        "",
        "## Use",
        "",
        "```python",
        "import zskt",
        "",
        'student = zskt.load("student.safetensors")',
        f"logits = student(images)  # (batch, {', '.join(map(str, card.input_size))})",
        "```",
        "",
        _normalisation(card),
        "",
        "## Teacher",
        "",
        f"`{teacher}`, SHA-256 `{settings['teacher_sha256']}`.",
        "",
        "## How",
        "",
        f"{about} Versions: {_listed(settings['versions'])}.",
        "",
        "| setting | value |",
        "| --- | --- |",
        *(f"| {name.replace('_', ' ')} | {value} |" for name, value in shown.items()),
        "",
        "## How good it is",
        "",
        f"Told without data: **{verdict.word}**; {verdict.reason}.",
        "",
        *(_table(judged) if judged else ["It has not been tested on real images."]),
        "",
        "## Limits",
        "",
        LIMITS,
        "",
    ]
    return "\n".join(lines)


def _normalisation(card: Card) -> str:
    if card.mean is None or card.std is None:
        return "Images are normalised as the teacher's are, which its file does not tell."
    return (
        f"Images are `(pixel / 255 - mean) / std` with mean {list(card.mean)} and std "
        f"{list(card.std)}."
    )


def _listed(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Accuracy and agreement on real images."""
    head = ["On real test images, which were not learnt from:", ""]
    head += ["| network | accuracy | agreement with the teacher |", "| --- | ---: | ---: |"]
    return head + [
        f"| {row['network']} | {row['accuracy']:.2%} | {row['agreement']:.2%} |" for row in rows
    ]
