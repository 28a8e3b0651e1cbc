"""The search that chose our method's settings: short runs on one thread, on the processor's clock.

    OMP_NUM_THREADS=1 uv run python benchmarks/design.py benchmarks/design.json --runs runs/design
    uv run python benchmarks/design.py benchmarks/design.json --runs runs/design --out search.json

The other `design-*.json` beside it are lists of later questions. A list has for each variant
"name", "teacher", "data", "minutes" and "settings", and where they differ "method", "student" and
"seed". Each is played once and leaves NAME.json; a lock lets several processes share one list. The
test set is looked at from outside: nothing acts on it. With `--out` what is there is put together
as one result. Some settings of the search are gone from the method; the commit in a row has them.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from zskt import load_teacher
from zskt.data import Split, load_data
from zskt.devices import resolve
from zskt.distillation.budget import Budget
from zskt.distillation.loop import Play
from zskt.distillation.run import Run
from zskt.measure.accuracy import accuracy, predict
from zskt.methods import method_class
from zskt.networks import create
from zskt.results import commit, write_result


def play(variant: dict, out: Path) -> None:
    """Play one variant and write its row."""
    loaded = load_teacher(variant["teacher"])
    teacher, card = loaded.network, loaded.card
    assert card.classes is not None
    data = load_data(variant["data"])
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(variant.get("seed", 0))
        student = create(
            variant.get("student", "wrn-16-1"), classes=card.classes, input_size=card.input_size
        )
    run = Run(minutes=variant["minutes"], seed=variant.get("seed", 0), save_seconds=1e9)
    method = method_class(variant.get("method", "replay"))(**variant["settings"])
    # A small part is enough for a curve.
    few = Split(data.test.images[:2000], data.test.labels[:2000])
    curve: list[list[float]] = []
    budget = Budget(run, clock=time.process_time)
    spent = [0.0]

    def look(number: int, network: torch.nn.Module) -> dict[str, float]:
        start = time.process_time()
        if budget.crossed(10):
            judged = accuracy(predict(network, few, card.known_normalisation()), few.labels)
            curve.append([round(budget.seconds - spent[0]), number, round(judged, 4)])
            print(variant["name"], curve[-1], flush=True)
        # Looking is no part of the budget.
        spent[0] += time.process_time() - start
        budget._started += time.process_time() - start
        return {}

    played = Play(
        method=method, run=run, where=resolve("cpu"), input_size=card.input_size,
        classes=card.classes, normalisation=card.normalisation, budget=budget, progress=False,
        measure=look, memories=out / variant["name"],
    )(teacher, student)  # fmt: skip
    assert played.average is not None
    normalisation = card.known_normalisation()
    final = accuracy(predict(played.student, data.test, normalisation), data.test.labels)
    average = accuracy(predict(played.average, data.test, normalisation), data.test.labels)
    last = played.history[-1]
    row = {
        **variant, "accuracy": final, "average": average, "rounds": last["round"],
        "curve": curve, "commit": commit(),
        "last": {name: value for name, value in last.items() if isinstance(value, float | int)},
    }  # fmt: skip
    (out / f"{variant['name']}.json").write_text(json.dumps(row, indent=1) + "\n")
    print(f"{variant['name']:40s} {final:.4f} {average:.4f} rounds {last['round']}", flush=True)


def together(variants: list[dict], runs: Path, out: Path) -> None:
    """One result of all that were played."""
    rows = []
    for variant in variants:
        place = runs / f"{variant['name']}.json"
        if place.exists():
            row = json.loads(place.read_text())
            last = row["last"]
            rows.append(
                {
                    "variant": row["name"],
                    "teacher": Path(row["data"]).stem,
                    "accuracy": row["accuracy"],
                    "halfway_accuracy": row["curve"][len(row["curve"]) // 2 - 1][2],
                    "images_made": last["images_made"],
                    "images_seen": last["images_seen"],
                    "commit": row["commit"].removesuffix("+changes"),
                }
            )
    minutes = sorted({variant["minutes"] for variant in variants})
    settings = {variant["name"]: variant["settings"] for variant in variants}
    write_result(
        out, seeds=sorted({variant.get("seed", 0) for variant in variants}),
        settings={"minutes": minutes, "variants": settings},
        seconds=60.0 * sum(variant["minutes"] for variant in variants), rows=rows, device="cpu",
    )  # fmt: skip


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("variants", type=Path)
    parser.add_argument("--runs", type=Path, required=True, help="a folder for what was played")
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    return parser.parse_args(words)


def main() -> None:
    """Play what no other process plays or has played."""
    asked = arguments()
    if asked.out is not None:
        together(json.loads(asked.variants.read_text()), asked.runs, asked.out)
        return
    asked.runs.mkdir(parents=True, exist_ok=True)
    for variant in json.loads(asked.variants.read_text()):
        place = asked.runs / f"{variant['name']}.json"
        try:
            os.close(os.open(place.with_suffix(".lock"), os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        if not place.exists():
            play(variant, asked.runs)


if __name__ == "__main__":
    main()
