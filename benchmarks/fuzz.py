"""Every reader of a stranger's file gets bytes that a fuzzer finds, guided by the lines that run.

    uv run python benchmarks/fuzz.py --seconds 120 --out results/fuzz.json

It needs atheris, which is no dependency of zskt: `uv run --with atheris python ...`.
A reader may return, or raise a `UserError`. Anything else ends it, and so does a file that takes
more than 20 seconds or 3 GB; the bytes that did it lie in `--findings` then. Atheris (libFuzzer)
starts from honest files; what it learns is forgotten afterwards.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

COUNTS = {"inputs": r"stat::number_of_executed_units: *(\d+)", "covered": r"cov: (\d+)"}
WORDS = {
    "card": ('"architecture"', '"input_size"', '"classes"', '"mean"', '"timm:', '"normalisation"'),
    "run file": ("method", "rounds", "teacher", "student", "seed", "batch_size", '"""', "[[", "{"),
    "sweep": ("teachers", "students", "methods", "seeds", "[run]", "[settings.zskt]", "rounds"),
    "settings": ('"run"', '"method"', '"student"', '"teacher_path"', '"method_settings"'),
}
"""What a fuzzer would take long to find."""


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=60, help="for each reader")
    parser.add_argument("--readers", nargs="+", help="only these")
    parser.add_argument("--findings", type=Path, default=Path("runs/fuzz"))
    parser.add_argument("--out", type=Path, help="a file for the result as JSON")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args(words)


def readers() -> dict[str, tuple[str, Callable[[Path], Any]]]:
    """By name: what the file is called in its folder, and who reads it."""
    from zskt.data.npz import read_npz
    from zskt.experiments.sweep_spec import read as read_sweep
    from zskt.jobs.run_file import checked
    from zskt.model_file import load, read_classifier_card
    from zskt.runs.checkpoint import read_state
    from zskt.runs.folder import RunFolder
    from zskt.runs.source import read_source
    from zskt.teachers.load import load_teacher

    return {
        "card": ("m.safetensors", read_classifier_card),
        "network": ("m.safetensors", load),
        "npz": ("d.npz", read_npz),
        "run file": ("run.toml", checked),
        "sweep": ("sweep.toml", lambda file: read_sweep(str(file))),
        "settings": ("settings.json", lambda file: RunFolder(file.parent).settings()),
        "metrics": ("metrics.jsonl", lambda file: RunFolder(file.parent).metrics(until=5)),
        "result": ("verdict.json", lambda file: RunFolder(file.parent).read_result("verdict")),
        "checkpoint": ("state.safetensors", read_state),
        "source": ("source.safetensors", lambda file: read_source(RunFolder(file.parent))),
        "ONNX": ("m.onnx", load_teacher),
    }


def honest(name: str, base: Path) -> Path:
    """A file that the reader takes."""
    ours = {"m.safetensors": "teacher.safetensors", "d.npz": "data.npz", "m.onnx": "teacher.onnx"}
    file = readers()[name][0]
    places = (base / ours.get(file, file), base / "zskt" / file, base / "zskt/checkpoint" / file)
    return next(place for place in places if place.exists())


def child(name: str, place: Path) -> None:
    """Fuzz one reader; never returns."""
    import atheris  # ty: ignore[import-not-found]

    with atheris.instrument_imports(include=["zskt", "tomllib", "json", "zipfile"]):
        import torch

        from zskt.errors import UserError

        torch.set_num_threads(1)

        file_name, read = readers()[name]
        folder = place / "folder"
        folder.mkdir(exist_ok=True)
        # What the reader imports when it first reads is seen too, and costs no input its time.
        (folder / file_name).write_bytes((place / "corpus" / "honest").read_bytes())
        read(folder / file_name)

    def one(data: bytes) -> None:
        (folder / file_name).write_bytes(data)
        with suppress(UserError):
            read(folder / file_name)

    atheris.Setup([sys.argv[0], *(place / "flags").read_text().split("\n")], one)
    atheris.Fuzz()


def fuzzed(name: str, base: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """A row for a reader: how many inputs it got, and what ended it."""
    findings = asked.findings / name.replace(" ", "-")
    findings.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        corpus = place / "corpus"
        corpus.mkdir()
        (corpus / "honest").write_bytes(honest(name, base).read_bytes())
        entries = [f'"{_escaped(word)}"\n' for word in WORDS.get(name, ("{",))]
        (place / "words").write_text("".join(entries))
        longest = 2 * (corpus / "honest").stat().st_size
        flags = (
            f"-max_total_time={asked.seconds}", "-rss_limit_mb=3000", "-timeout=20", "-seed=1",
            "-print_final_stats=1", f"-artifact_prefix={findings}/", f"-dict={place / 'words'}",
            f"-max_len={longest}", str(corpus),
        )  # fmt: skip
        (place / "flags").write_text("\n".join(flags))
        command = [sys.executable, __file__, "--child", name, str(place)]
        ended = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False
        )
    row: dict[str, Any] = {"reader": name}
    for count, pattern in COUNTS.items():
        numbers = re.findall(pattern, ended.stderr)
        row[count] = int(numbers[-1]) if numbers else 0
    row["failed"] = int(ended.returncode != 0)
    if ended.returncode:
        print(name, ended.returncode, ended.stdout[-1500:], ended.stderr[-1500:], sep="\n")
    if not row["covered"]:
        raise SystemExit(f"nothing was fuzzed of {name}: {ended.stderr[-1500:]}")
    return row


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace('"', '\\"')


def main() -> None:
    """Fuzz every reader in a process of its own, and count."""
    asked = arguments()
    if asked.child:
        child(asked.child[0], Path(asked.child[1]))
    from campaigns.cases import make_base
    from campaigns.child import warm
    from zskt.cli.tables import print_table
    from zskt.results import write_result

    warm()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "base"
        make_base(base)
        names = asked.readers or list(readers())
        rows = list(map(partial(fuzzed, base=base, asked=asked), names))
    print_table(rows)
    if asked.out is not None:
        settings = {"seconds": asked.seconds}
        seconds = time.monotonic() - start
        write_result(
            asked.out, seeds=[1], settings=settings, seconds=seconds, rows=rows, device="cpu"
        )


if __name__ == "__main__":
    main()
