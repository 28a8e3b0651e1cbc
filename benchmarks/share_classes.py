"""Can the verdict's inverted images tell which classes a student knows least?

    uv run python benchmarks/share_classes.py --of runs/one-core --out results/share/classes.json

For each finished run with a test set: in each class, how often the student says what its teacher
says, on the images inverted from the teacher that the verdict has anyway, and on real ones. A row
has the rank correlation of the two over classes, and where the class that seems to be known least
stands among the real ones, 1 for the one that is known least. Rows that the file has are kept. A
second file, OUT-by-quality.json, has students together that agree about as often.
"""

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from scipy.stats import spearmanr
from torch import Tensor

import zskt
from zskt.cli.tables import print_table
from zskt.devices import Where, resolve, settled
from zskt.jobs.loading import data_of
from zskt.jobs.verdict import teacher_of_finished
from zskt.measure.accuracy import predict
from zskt.measure.verdict.inverted import inverted
from zskt.modes import evaluating
from zskt.results import write_result


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--of", type=Path, nargs="+", required=True, help="folders that hold runs")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, required=True, help="a file for the result as JSON")
    return parser.parse_args(words)


def main() -> None:
    """Look at each run, and write what came of it."""
    asked = arguments()
    start, where = time.monotonic(), resolve(asked.device, "32")
    before: dict[str, Any] = {"rows": [], "seconds": 0.0}
    if asked.out.exists():
        before = json.loads(asked.out.read_text())
    rows = before["rows"]
    known = {row["run"] for row in rows}
    runs = [file.parent for folder in asked.of for file in folder.glob("*/evaluation.json")]
    with settled(where):
        rows += rows_of([run for run in runs if name_of(run) not in known], where)
    together = by_quality(rows)
    print_table(rows)
    print_table(together)
    whole = asked.out.with_name(f"{asked.out.stem}-by-quality.json")
    for file, written in ((asked.out, rows), (whole, together)):
        seconds = before["seconds"] + time.monotonic() - start
        settings = {"of": list(map(str, asked.of))}
        write_result(
            file, seeds=[0], settings=settings, rows=written, seconds=seconds, device=where.name
        )


def name_of(run: Path) -> str:
    """Of a run, with that of the folder that it lies in."""
    return f"{run.parent.name}/{run.name}"


def by_quality(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is told of students that agree with their teacher about as often."""
    table = []
    for low, high in ((0.0, 0.5), (0.5, 0.8), (0.8, 1.01)):
        group = [row for row in rows if low <= row["agreement_mean"] < high]
        told = [row["rank_correlation"] for row in group if row["rank_correlation"] is not None]
        table.append({
            "agreement": f"{low:.0%} to {min(high, 1.0):.0%}",
            "students": len(group),
            "mean_rank_correlation": fmean(told) if told else None,
            "named_least_is_least": sum(row["named_least_stands"] == 1 for row in group),
            "named_least_among_three": sum(row["named_least_stands"] <= 3 for row in group),
        })  # fmt: skip
    return table


def rows_of(runs: Sequence[Path], where: Where) -> list[dict[str, Any]]:
    """A row for each run; images are inverted once for each teacher."""
    made: dict[str, tuple[Tensor, Tensor, Tensor]] = {}
    rows = []
    for run in sorted(runs):
        teacher = teacher_of_finished(run, None, allow_code=False)
        card, network = teacher.card, teacher.network.to(where.device)
        normalisation = card.known_normalisation()
        data = json.loads((run / "settings.json").read_text())["data"]
        test = data_of(data, Path("data")).test
        if teacher.digest not in made:
            images = inverted(network, card).to(where.device)
            real = predict(network, test, normalisation).argmax(1)
            made[teacher.digest] = images, said(network, images), real
        images, on_inverted, on_real = made[teacher.digest]
        student = zskt.load(run).to(where.device)
        assert card.classes is not None
        seeming = by_class(on_inverted, said(student, images), card.classes)
        actual = by_class(on_real, predict(student, test, normalisation).argmax(1), card.classes)
        rows.append({"run": name_of(run), "classes": card.classes, **beside(seeming, actual)})
    return rows


def said(network: torch.nn.Module, images: Tensor) -> Tensor:
    """The classes that a network says."""
    with evaluating(network), torch.no_grad():
        return network(images).argmax(1).cpu()


def by_class(teacher: Tensor, student: Tensor, classes: int) -> Tensor:
    """How often both say the same, in each class by the teacher; nan where it says none."""
    same = (teacher == student).double()
    return torch.stack([same[teacher == each].mean() for each in range(classes)])


def beside(seeming: Tensor, actual: Tensor) -> dict[str, Any]:
    """What the first tells of the second."""
    both = ~(seeming.isnan() | actual.isnan())
    seeming, actual = seeming[both], actual[both]
    correlation = float(spearmanr(seeming, actual).statistic)
    named = int(seeming.argmin())
    return {
        "rank_correlation": None if correlation != correlation else correlation,
        "named_least_stands": int((actual < actual[named]).sum()) + 1,
        "agreement_named_least": float(actual[named]),
        "agreement_mean": float(actual.mean()),
        "agreement_least": float(actual.min()),
    }


if __name__ == "__main__":
    main()
