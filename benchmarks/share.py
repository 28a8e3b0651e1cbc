"""Students of known quality and what can be told of them without data: what the share is learnt on.

    uv run python benchmarks/share.py --mnist mnist.npz --svhn svhn.npz --cifar10 cifar10.npz
        --cifar100 cifar100.npz --out results/share/runs.json

A teacher on each of five data sets, digits at 8x8 and the others at 16x16 pixels, taught to two
students by several methods; each student is looked at several times while it learns, so that good
and bad ones are among them. A row has the signals of the verdict beside the accuracy on real
images as a share of the teacher's. What is finished is not repeated. `--of` makes no run and takes
the students of finished ones that have an evaluation.json; `--boards` takes leaderboards, where
nothing else is left of their runs.
"""

import argparse
import copy
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

import zskt
from zskt import Recipe, Run
from zskt.data import ImageData
from zskt.devices import Where, resolve
from zskt.distillation.loop import Play
from zskt.jobs.loading import data_of
from zskt.jobs.verdict import teacher_of_finished
from zskt.measure.accuracy import accuracy, predict
from zskt.measure.verdict.inverted import COUNT, inverted
from zskt.measure.verdict.share import Line
from zskt.measure.verdict.signals import signals
from zskt.methods import method_class
from zskt.networks import create
from zskt.results import write_result
from zskt.runs.folder import RunFolder
from zskt.runs.source import read_source, source_of
from zskt.teachers.teacher import Teacher

METHODS = ("replay", "zskt", "fast", "dfad", "noise")
STUDENTS = ("wrn-10-1", "resnet-8")
PLACES = (0.02, 0.05, 0.15, 0.4, 1.0)
"""Shares of a run after which its student is looked at."""
SIDE, TRAIN, TEST = 16, 15_000, 2_000
"""Pixels and numbers of images of the larger data sets, made small."""
SEEN = 40_000
"""Images that a student learns from in a run."""
DIGITS = "src/zskt/assets/digits-teacher.safetensors"
BOARDS_LINE = Line(0.011322269590143543, 1.0859580068340886, 0.0, 0.0)
"""By which the leaderboards that exist predicted: the first line, learnt on the study alone."""


@dataclass
class Looked:
    """A method whose student is looked at after some of the rounds."""

    method: Any
    rounds_at: list[int]
    look: Any

    def rounds(self, session: Any) -> Iterator[Any]:
        """Those of the method."""
        for number, played in enumerate(self.method.rounds(session), start=1):
            if number in self.rounds_at:
                self.look(number, session)
            yield played


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("mnist", "svhn", "cifar10", "cifar100"):
        parser.add_argument(f"--{name}", type=Path, help="an .npz file of the data set")
    parser.add_argument("--runs", type=Path, default=Path("runs/share"))
    parser.add_argument("--of", type=Path, nargs="*", help="folders of finished runs instead")
    parser.add_argument(
        "--boards", type=Path, nargs="*", help="results of zskt leaderboard instead"
    )
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--students", nargs="+", default=list(STUDENTS))
    parser.add_argument("--scale", type=float, default=1.0, help="so many times the length")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    return parser.parse_args(words)


def main() -> None:
    """Make teachers and students that are not there yet, and write what was seen."""
    asked = arguments()
    start = time.monotonic()
    where = resolve(asked.device, "32")
    if asked.boards is not None:
        rows = [row for board in asked.boards for row in of_board(board, where)]
    else:
        rows = of_study(asked, where) if asked.of is None else of_finished(asked.of, where)
    if asked.out is not None:
        settings = {"runs": str(asked.runs), "scale": asked.scale, "device": where.name}
        for name in ("of", "boards"):
            folders = getattr(asked, name)
            settings[name] = None if folders is None else [str(folder) for folder in folders]
        seconds = time.monotonic() - start
        about: dict[str, Any] = {"seeds": [0], "settings": settings, "seconds": seconds}
        write_result(asked.out, rows=rows, device=where.name, **about)


def of_study(asked: argparse.Namespace, where: Where) -> list[dict[str, Any]]:
    """Every look at a student of the study, whose runs are made unless they are there."""
    asked.runs.mkdir(parents=True, exist_ok=True)
    for name in ("digits", "mnist", "svhn", "cifar10", "cifar100"):
        if name != "digits" and getattr(asked, name) is None:
            continue
        images, teacher = taught(asked, name)
        reference = Reference(teacher, images, where)
        for student in asked.students:
            for method in asked.methods:
                file = asked.runs / f"{name}-{student}-{method}.json"
                if not file.exists():
                    rows = students_of(asked, reference, name, student, method)
                    file.write_text(json.dumps(rows))
                    print(name, student, method, [round(row["share"], 3) for row in rows])
    files = sorted(asked.runs.glob("*.json"))
    return [row for file in files for row in json.loads(file.read_text())]


def of_finished(folders: Sequence[Path], where: Where) -> list[dict[str, Any]]:
    """A row for the student of each finished run."""
    made: dict[str, torch.Tensor] = {}
    rows = []
    for run in sorted(folders):
        teacher = teacher_of_finished(run, None, allow_code=False)
        settings = json.loads((run / "settings.json").read_text())
        judged = json.loads((run / "evaluation.json").read_text())["rows"]
        network = teacher.network.to(where.device)
        if teacher.digest not in made:
            made[teacher.digest] = inverted(network, teacher.card)
        told = signals(
            network, zskt.load(run).to(where.device), teacher.card.input_size,
            teacher.card.normalisation, source=read_source(RunFolder(run)),
            of_teacher=made[teacher.digest],
        )  # fmt: skip
        kept = judged[1]["accuracy"]
        row: dict[str, Any] = {"run": run.name, "method": settings["method"]}
        row["data"] = Path(settings["data"]).stem
        row |= {"teacher_accuracy": judged[0]["accuracy"], "test_accuracy": kept}
        rows.append({**row, "share": kept / judged[0]["accuracy"], **told})
        print(run.name, round(rows[-1]["share"], 3), round(told["inverted_agreement"], 3))
    return rows


def of_board(file: Path, where: Where) -> list[dict[str, Any]]:
    """A row for each student of a leaderboard whose share was predicted to be below 1.

    The agreement behind a prediction is found from it; at 1 it may have been cut off.
    """
    board = json.loads(file.read_text())
    data = board["settings"]["data"]
    test = data_of(data, Path("data")).test
    accuracies = {}
    for name, source in board["settings"]["teachers"].items():
        teacher = zskt.load_teacher(source)
        seen = predict(teacher.network.to(where.device), test, teacher.card.known_normalisation())
        accuracies[name] = accuracy(seen, test.labels)
    rows = []
    for student in board["rows"]:
        told, of_teacher = student.get("predicted_share"), accuracies[student["teacher"]]
        if told is None or told >= 1 or not isinstance(student["seed"], int):
            continue
        row: dict[str, Any] = {"run": f"{file.stem}-{student['method']}-seed-{student['seed']}"}
        row |= {"data": Path(data).stem, "method": student["method"]}
        row |= {"teacher_accuracy": of_teacher, "test_accuracy": student["accuracy"]}
        row |= {"share": student["accuracy"] / of_teacher}
        agreement = max(0.0, (told - BOARDS_LINE.start) / BOARDS_LINE.rise)
        images = agreement * COUNT
        if abs(images - round(images)) > 1e-6:
            raise ValueError(f"{file} was predicted by another line, or from other images")
        rows.append({**row, "inverted_agreement": agreement})
    return rows


def taught(asked: argparse.Namespace, name: str) -> tuple[ImageData, Teacher]:
    """A data set, made small, and a teacher for it."""
    if name == "digits":
        return data_of("digits", Path("data")), zskt.load_teacher(DIGITS)
    small, out = asked.runs / f"{name}.npz", asked.runs / f"{name}-teacher"
    if not small.exists():
        make_small(getattr(asked, name), small)
    if not (out / "result.json").exists():
        epochs = max(1, round(12 * asked.scale))
        recipe = Recipe(epochs=epochs, padding=2, flips=name.startswith("cifar"))
        device = asked.device
        zskt.train("wrn-16-1", data=str(small), out=out, recipe=recipe, device=device,
                   overwrite=True, progress=False)  # fmt: skip
    return data_of(str(small), Path("data")), zskt.load_teacher(out)


def make_small(whole: Path, small: Path) -> None:
    """Write the first images of a data set at 16x16 pixels."""
    arrays = {}
    with np.load(whole) as file:
        for split, count in (("train", TRAIN), ("test", TEST)):
            pixels = torch.from_numpy(file[f"{split}_images"][:count]).float()
            pixels = pixels[..., None] if pixels.ndim == 3 else pixels
            shrunk = F.interpolate(
                pixels.permute(0, 3, 1, 2), (SIDE, SIDE), mode="bilinear", antialias=True
            )
            arrays[f"{split}_images"] = shrunk.round().byte().permute(0, 2, 3, 1).numpy()
            arrays[f"{split}_labels"] = file[f"{split}_labels"][:count]
    np.savez_compressed(small, **arrays)


class Reference:
    """A teacher, its test set, and the images inverted from it."""

    def __init__(self, teacher: Teacher, images: ImageData, where: Where):
        self.teacher, self.test, self.where = teacher, images.test, where
        self.network = teacher.network.to(where.device)
        self.normalisation = teacher.card.known_normalisation()
        self.inverted = inverted(self.network, teacher.card)
        self.accuracy = self.accuracy_of(self.network)

    def accuracy_of(self, network: torch.nn.Module) -> float:
        """On real images."""
        return accuracy(predict(network, self.test, self.normalisation), self.test.labels)


def students_of(
    asked: argparse.Namespace, reference: Reference, data: str, student_name: str, name: str
) -> list[dict[str, Any]]:
    """A row for each look at the student of one run."""
    card, where = reference.teacher.card, reference.where
    assert card.classes is not None
    method = method_class(name)()
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        student = create(student_name, classes=card.classes, input_size=card.input_size)
    rounds = max(len(PLACES), round(asked.scale * SEEN / seen_in_a_round(method)))
    rows: list[dict[str, Any]] = []

    def look(number: int, session: Any) -> None:
        network = copy.deepcopy(session.student).eval()
        source = source_of(session.networks.get(session.source or ""))
        source = copy.deepcopy(source) or next(iter(session.memories), None)
        kept = reference.accuracy_of(network)
        told = signals(
            reference.network, network, card.input_size, card.normalisation, source=source,
            of_teacher=reference.inverted,
        )  # fmt: skip
        row: dict[str, Any] = {"data": data, "student": student_name, "method": name}
        row |= {"round": number, "teacher_accuracy": reference.accuracy, "test_accuracy": kept}
        rows.append({**row, "share": kept / reference.accuracy, **told})

    places = sorted({max(1, round(place * rounds)) for place in PLACES})
    run = Run(rounds=rounds, device=where.name, precision="32", average_over=0)
    play = Play(
        method=Looked(method, places, look), run=run, where=where, input_size=card.input_size,
        classes=card.classes, normalisation=card.normalisation, progress=False,
    )  # fmt: skip
    play(reference.network, student)
    return rows


def seen_in_a_round(method: Any) -> int:
    """How many images the student learns from."""
    made = getattr(method, "image_batch_size", method.batch_size)
    if (replays := getattr(method, "replays", None)) is not None:
        return made * replays
    return method.batch_size * getattr(method, "student_steps", 1)


if __name__ == "__main__":
    main()
