"""The README.md of a run folder: a model card as the Hugging Face hub reads it.

`zskt push RUN REPO` puts it online with the student.
"""

from collections.abc import Sequence
from typing import Any

from zskt.images import size_in_words
from zskt.methods import method_title
from zskt.model_file import Card
from zskt.runs.facts import RunFacts

FRONT = """
---
library_name: zskt
pipeline_tag: image-classification
tags:
- knowledge-distillation
- data-free
- zero-shot
---
""".strip()
UNTESTED = "It has not been tested on real images."
LIMITS = """
- **Accuracy on real images is unknown until it is tested on some.** The student has seen none, and
  agreement with its teacher on generated images does not say how it does on yours.
- **Data-free is not private.** What the teacher leaks about its training images, such as who was
  among them, this student may leak too.
- **Backdoors and biases transfer.** The student was taught to say what its teacher says, wrong
  answers included.
""".strip()


def model_card(facts: RunFacts) -> str:
    """The text of the card of a finished run."""
    card, settings, verdict = facts.card, facts.settings, facts.verdict
    assert card is not None
    assert verdict is not None
    shown = {**settings["method_settings"], "rounds": facts.last["round"]}
    shown["seed"] = settings["run"]["seed"]
    versions = ", ".join(f"{name} {version}" for name, version in settings["versions"].items())
    parts = [
        FRONT,
        f"# {card.architecture or 'a network'} distilled without data",
        f"An image classifier, {size_in_words(card.input_size)} (channels, height, width) to "
        f"{card.classes} classes, {settings['student_parameters']:,} parameters. It was distilled "
        "from a teacher without any data.",
        _use(card),
        f"## Teacher\n\n`{facts.teacher}`, SHA-256 `{settings['teacher_sha256']}`.",
        f"## How\n\n{method_title(settings['method'])}. Versions: {versions}.",
        "| setting | value |\n| --- | --- |\n"
        + "\n".join(f"| {name.replace('_', ' ')} | {value} |" for name, value in shown.items()),
        "## How good it is",
        f"Told without data: **{verdict['word']}**; {verdict['reason']}.",
        _table(facts.evaluation["rows"]) if facts.evaluation else UNTESTED,
        f"## Limits\n\n{LIMITS}",
    ]
    return "\n\n".join(parts) + "\n"


def _use(card: Card) -> str:
    sizes = ", ".join(map(str, card.input_size))
    code = (
        f'import zskt\n\nstudent = zskt.load("student.safetensors")\n'
        f"logits = student(images)  # (batch, {sizes})"
    )
    if card.mean is None or card.std is None:
        told = "Images are normalised as the teacher's are, which its file does not tell."
    else:
        mean, std = list(card.mean), list(card.std)
        told = f"Images are `(pixel / 255 - mean) / std` with mean {mean} and std {std}."
    return f"## Use\n\n```python\n{code}\n```\n\n{told}"


def _table(rows: Sequence[dict[str, Any]]) -> str:
    """Accuracy and agreement on real images."""
    lines = [
        "On real test images, which were not learnt from:\n",
        "| network | accuracy | agreement with the teacher |",
        "| --- | ---: | ---: |",
    ]
    for row in rows:
        lines.append(f"| {row['network']} | {row['accuracy']:.2%} | {row['agreement']:.2%} |")
    return "\n".join(lines)
