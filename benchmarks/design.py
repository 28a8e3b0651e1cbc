"""The search that chose our method's settings: short runs, one thread each, on the processor's clock.

    OMP_NUM_THREADS=1 uv run python benchmarks/design.py VARIANTS --out results/design

VARIANTS is a JSON file: a list of {"name", "teacher", "data", "minutes", "settings"}. Each is played
once and its row appended to DIR/NAME.json; what is there is not played again, and a lock lets several
processes share one list. The test set is looked at from outside: nothing acts on it.
"""

import argparse
import json
import os
import time
from pathlib import Path

import torch

from zskt.data import Split, load_data
from zskt.devices import resolve
from zskt.distillation.budget import Budget
from zskt.distillation.loop import Play
from zskt.distillation.run import Run
from zskt.measure.accuracy import accuracy, predict
from zskt.methods import method_class
from zskt.model_file import load, read_card
from zskt.networks import create
from zskt.results import commit


def play(variant: dict, out: Path) -> None:
    """Play one variant and write its row."""
    teacher_file = Path(variant["teacher"])
    card = read_card(teacher_file)
    teacher = load(teacher_file)
    data = load_data(variant["data"])
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(variant.get("seed", 0))
        student = create(
            variant.get("student", "wrn-16-1"), classes=card.classes, input_size=card.input_size
        )
    run = Run(minutes=variant["minutes"], seed=variant.get("seed", 0), save_seconds=1e9)
    method = method_class(variant.get("method", "replay"))(**variant["settings"])
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
    normalisation = card.known_normalisation()
    final = accuracy(predict(played.student, data.test, normalisation), data.test.labels)
    average = accuracy(predict(played.average, data.test, normalisation), data.test.labels)
    last = played.history[-1]
    row = {
        **variant, "accuracy": final, "average": average, "rounds": last["round"],
        "curve": curve, "commit": commit(), "last": {k: v for k, v in last.items() if isinstance(v, float | int)},
    }  # fmt: skip
    (out / f"{variant['name']}.json").write_text(json.dumps(row, indent=1) + "\n")
    print(f"{variant['name']:40s} {final:.4f} {average:.4f} rounds {last['round']}", flush=True)


def main() -> None:
    """Play what no other process plays or has played."""
    parser = argparse.ArgumentParser()
    parser.add_argument("variants", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    while True:
        for variant in json.loads(asked.variants.read_text()):
            place = asked.out / f"{variant['name']}.json"
            try:
                os.close(os.open(place.with_suffix(".lock"), os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            if place.exists():
                continue
            play(variant, asked.out)
            break
        else:
            return


if __name__ == "__main__":
    main()
