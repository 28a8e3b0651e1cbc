"""The one shape of every result: what was run, by whom, where, and the rows that came out."""

import json
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from zskt.files import write_atomically


def result(
    *,
    seeds: Sequence[int],
    settings: Mapping[str, Any],
    seconds: float,
    rows: Sequence[dict],
    device: str,
    runs: Sequence[dict] | None = None,
    tables: Mapping[str, Sequence[dict]] | None = None,
) -> dict[str, Any]:
    """One result as JSON would hold it; shares and accuracies in the rows are 0 to 1.

    Args:
        seeds: one seed or several; stored as `seed` or `seeds`.
        settings: everything that was set, defaults included.
        seconds: wall time of the whole command.
        rows: one plain dictionary per line of the table.
        device: where it was computed.
        runs: what the rows were made of, where each is made of several runs.
        tables: further tables, by name.
    """
    return {
        "command": command(),
        **({"seed": seeds[0]} if len(seeds) == 1 else {"seeds": list(seeds)}),
        "settings": dict(settings),
        "versions": versions(),
        "machine": machine(device),
        "git": commit(),
        "seconds": round(seconds, 1),
        "rows": list(rows),
        **({} if runs is None else {"runs": list(runs)}),
        **({"tables": dict(tables)} if tables else {}),
    }


def write_result(*paths: Path | None, **parts: Any) -> None:
    """Write `result(**parts)` to every path that is not None, each whole or not at all."""
    text = json.dumps(result(**parts), indent=2) + "\n"
    for path in paths:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text)


def command() -> str:
    """The command line as a user would type it."""
    program = Path(sys.argv[0])
    if program.stem in ("zskt", "__main__"):
        return shlex.join(["zskt", *sys.argv[1:]])
    return shlex.join(["python", f"{program.parent.name}/{program.name}", *sys.argv[1:]])


def versions() -> dict[str, str]:
    """Of Python and of what decides the numbers."""
    names = ("zskt", "torch", "torchvision", "timm", "lightning-fabric", "numpy", "scikit-learn")
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in names}}


def machine(device: str) -> dict[str, Any]:
    """The processor and, if the device is one, the GPU."""
    import torch

    capabilities = torch.cpu.get_capabilities()
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": capabilities.get("cpu_name", platform.processor()),
        "threads": torch.get_num_threads(),
        "avx512_bf16": bool(capabilities.get("avx512_bf16", False)),
        "amx_bf16": bool(capabilities.get("amx_bf16", False)),
        "gpu": torch.cuda.get_device_name(device) if device.startswith("cuda") else None,
    }


def commit() -> str | None:
    """The git commit of the sources, with `+changes` if they differ; None outside our own tree."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    describe = ["git", "-C", str(root), "describe", "--always", "--abbrev=12", "--exclude=*"]
    try:
        run = subprocess.run(
            [*describe, "--dirty=+changes"], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return run.stdout.strip() or None
