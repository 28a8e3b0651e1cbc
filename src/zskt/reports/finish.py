"""The one end of a run: what people read of it, made from its folder."""

from pathlib import Path

from zskt.errors import read_from
from zskt.files import write_atomically
from zskt.reports.card import model_card
from zskt.reports.page import PAGE, page_of
from zskt.reports.run import draw_run
from zskt.runs.facts import RunFacts


def finish(path: Path) -> list[Path]:
    """Draw a run's pictures and write its page; of a distillation with a verdict its card too."""
    with read_from(path, "start the run anew"):
        facts = RunFacts.read(path)
        pictures = draw_run(facts)
        if facts.card is not None and facts.verdict is not None:
            write_atomically(path / "README.md", model_card(facts))
        write_atomically(path / PAGE, page_of([facts]))
    return pictures
