"""What a hostile case is, what its command may do, and the files that cases start from."""

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch

from campaigns.child import Bounds, Ended, command, in_child

SIZE = (1, 8, 8)
GOOD = ("accepted", "refused", "stopped")
"""Outcomes that are promised; all others are failures."""


@dataclass(frozen=True)
class Case:
    """A command that gets something hostile."""

    group: str
    """The reader or the options."""
    name: str
    words: tuple[str, ...]
    prepare: Callable[[Path], object] = lambda folder: None
    """Makes what is hostile, in the folder where the command runs."""
    bounds: Bounds = field(default_factory=Bounds)


def outcome_of(ended: Ended) -> str:
    """One word for how a command ended."""
    lines = [line for line in ended.output.splitlines() if line.startswith("zskt: ")]
    if ended.hung:
        return "hung"
    if "Traceback (most recent call last)" in ended.output:
        return "traceback"
    if ended.code < 0:
        return "crashed"
    if ended.code == 2:
        return "refused" if len(lines) == 1 else "no sentence"
    return {0: "accepted", 130: "stopped"}.get(ended.code, "exit code")


def tried(case: Case, base: Path, place: Path) -> Ended:
    """Run a case in a folder of its own, which is taken away afterwards."""
    folder = place / "case"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    case.prepare(folder)

    def work() -> None:
        import os

        os.chdir(folder)
        command(*(word.replace("{base}", str(base.resolve())) for word in case.words))()

    return in_child(work, place / "log", case.bounds)


def make_base(base: Path) -> None:
    """The honest files that cases damage: networks in every form, finished runs, data."""
    import numpy as np

    from zskt.model_file import Card, write_network
    from zskt.networks import create

    base.mkdir(parents=True)
    torch.manual_seed(0)
    network = create("wrn-10-1", classes=10, input_size=SIZE).eval()
    known = {"mean": (0.3,), "std": (0.4,)}
    card = Card(architecture="wrn-10-1", input_size=SIZE, classes=10, **known)  # ty: ignore
    write_network(base / "teacher.safetensors", network, card)
    torch.save(network.state_dict(), base / "weights.pth")
    draw = np.random.default_rng(0)
    arrays: dict = {}
    for part in ("train", "test"):
        arrays[f"{part}_images"] = draw.integers(0, 256, (20, 8, 8), dtype=np.uint8)
        arrays[f"{part}_labels"] = np.arange(20)[:, None] % 10
    np.savez_compressed(base / "data.npz", **arrays)
    (base / "sweep.toml").write_text(SWEEP.format(base=base.resolve()))
    for end in ("onnx", "pt2", "pt"):
        words = ("export", str(base / "teacher.safetensors"), "--out", str(base / f"teacher.{end}"))
        _must(command(*words), base)
    for method, more in {"zskt": (), "replay": QUICK}.items():
        words = ("--teacher", str(base / "teacher.safetensors"), "--student", "wrn-10-1")
        words += ("--out", str(base / method), "--method", method, "--rounds", "2")
        _must(command("distill", *words, "--batch-size", "4", "--device", "cpu", *more), base)


SWEEP = """\
name = "s"
teachers = ["{base}/teacher.safetensors"]
students = ["wrn-10-1"]
methods = ["noise"]
seeds = [0, 1]
data = "{base}/data.npz"
out = "run"

[run]
rounds = 1

[settings.noise]
batch_size = 4
"""
"""Two short runs."""
QUICK = (
    "--image-batch-size", "4", "--generator-steps", "1", "--replays", "1", "--memory", "16",
)  # fmt: skip
"""Settings that make a round of replay short."""


def _must(work: Callable[[], object], base: Path) -> None:
    """Run what has to work."""
    ended = in_child(work, base / "log", Bounds(seconds=300, memory=8 * 2**30))
    if ended.code:
        raise RuntimeError(ended.output)


def damaged(data: bytes, kind: str, draw: random.Random) -> bytes:
    """Bytes that were cut short, changed, or got more."""
    if kind == "cut":
        return data[: draw.randrange(len(data))]
    changed = bytearray(data)
    if kind == "bits":
        # Headers are short: half of the changes fall into the first and last kilobyte.
        for _ in range(draw.randrange(1, 9)):
            near = min(len(data), 1024)
            place = draw.choice((draw.randrange(near), len(data) - 1 - draw.randrange(near)))
            place = place if draw.random() < 0.5 else draw.randrange(len(data))
            changed[place] = draw.randrange(256)
    elif kind == "more":
        place = draw.randrange(len(data))
        changed[place:place] = draw.randbytes(draw.randrange(1, 64))
    else:
        start = draw.randrange(len(data))
        del changed[start : start + draw.randrange(1, 64)]
    return bytes(changed)


def damages(count: int, seed: int) -> Iterator[tuple[str, random.Random]]:
    """So many kinds of damage, each with a draw of its own."""
    for number in range(count):
        yield ("cut", "bits", "more", "less")[number % 4], random.Random(f"{seed} {number}")
