"""The one end of a run: what people read of it, made from its folder."""

from pathlib import Path

from zskt.files import write_atomically
from zskt.report.card import model_card
from zskt.report.run import draw_run
from zskt.runs.facts import RunFacts


def finish(path: Path) -> list[Path]:
    """Draw a run's pictures and, if it is a distillation with a verdict, write its card too."""
    facts = RunFacts.read(path)
    pictures = draw_run(facts)
    if facts.card is not None and facts.verdict is not None:
        write_atomically(path / "README.md", model_card(facts))
    return pictures
