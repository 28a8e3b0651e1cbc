"""What the page of a run holds: one plain value, which other tools can read from the page too."""

import base64
import io
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PIL import Image

from zskt.distillation.run import Run
from zskt.images import size_in_words
from zskt.methods import METHODS, method_class, method_title
from zskt.runs.facts import RunFacts

TILES = 16
"""Images of a sheet that the page shows: two rows."""
TILE = 64
"""Their largest side in the page's file; larger images are made smaller and kept as JPEG."""
ABOUT_A_RUN = (
    "command", "teacher_sha256", "data_sha256", "data_dir", "versions", "machine", "git",
    "in_memory",
)  # fmt: skip
"""Settings that nobody chooses."""


def page_data(facts: RunFacts, *, pictures: bool = True) -> dict[str, Any]:
    """A run for the page: numbers, texts and, if asked, pictures as addresses that hold them."""
    settings: dict[str, Any] = {**facts.settings, "teacher": facts.teacher}
    evaluation = facts.evaluation
    judged = evaluation["settings"] if evaluation else {}
    changed, others = _settings(settings)
    size = settings.get("input_size")
    return {
        "kind": settings["command_name"],
        "teacher": settings.get("teacher"),
        "student": settings.get("student") or settings.get("network"),
        "parameters": settings.get("student_parameters"),
        "images_are": f"{size_in_words(tuple(size))} (channels, height, width)" if size else None,
        "method": method_title(settings["method"]) if "method" in settings else None,
        # A distillation's result is written after its page: with it the run counts as finished.
        "finished": facts.result is not None or facts.verdict is not None,
        "verdict": {name: facts.verdict[name] for name in ("word", "reason", "advice")}
        if facts.verdict
        else None,
        "networks": evaluation["rows"] if evaluation else [],
        "data": judged.get("data"),
        "metrics": _columns(facts.metrics),
        "samples": [_sample(file, size) for file in facts.sheets if pictures],
        "classes": _classes(facts, judged.get("class_names")),
        "class_names": judged.get("class_names"),
        "confusion": judged.get("confusion"),
        "beliefs": [
            _address(file.read_bytes(), "png") for file in _belief_pictures(facts.path) if pictures
        ],
        "changed": changed,
        "settings": others,
        "command": settings.get("command"),
        "versions": settings.get("versions"),
        "machine": settings.get("machine"),
    }


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[float | None]]:
    """Rows of metrics as columns; what a row lacks, or is no finite number, is None."""
    names = dict.fromkeys(
        name for row in rows for name, value in row.items() if not isinstance(value, list)
    )
    return {name: [_finite(row.get(name)) for row in rows] for name in names}


def _finite(value: Any) -> float | None:
    return value if isinstance(value, int | float) and math.isfinite(value) else None


def _settings(settings: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was set otherwise than by default, and the rest."""
    flat = {
        name: value
        for name, value in settings.items()
        if name not in (*ABOUT_A_RUN, "method_settings", "run") and not name.endswith("_path")
    }
    groups = [(flat, {})]
    if settings.get("method") in METHODS:
        defaults = asdict(method_class(settings["method"])())
        groups.append((settings.get("method_settings", {}), defaults))
    groups.append((settings.get("run", {}), asdict(Run())))
    changed, others = {}, {}
    for given, defaults in groups:
        for name, value in given.items():
            # A list is what JSON makes of a tuple.
            same = name not in defaults or json.dumps(defaults[name]) == json.dumps(value)
            (others if same else changed)[name] = value
    return changed, others


def _sample(file: Path, size: Any) -> dict[str, Any]:
    """A sheet of images, and what was said of each when it was drawn, if that is known."""
    told = file.with_suffix(".json")
    said = json.loads(told.read_text()) if told.is_file() else None
    _, height, width = size
    with Image.open(file) as opened:
        across, down = (opened.width - 1) // (width + 1), (opened.height - 1) // (height + 1)
        # The last row of a sheet may not be full.
        there = min((len(each) for each in (said or {}).values()), default=across * down)
        boxes = [divmod(number, across) for number in range(min(TILES, there))]
        tiles = [
            opened.crop((
                1 + column * (width + 1), 1 + row * (height + 1),
                1 + column * (width + 1) + width, 1 + row * (height + 1) + height,
            )).convert("RGB")
            for row, column in boxes
        ]  # fmt: skip
    scale = min(1.0, TILE / max(height, width))
    small = max(1, round(width * scale)), max(1, round(height * scale))
    strip = Image.new("RGB", (small[0] * len(tiles), small[1]))
    for number, tile in enumerate(tiles):
        strip.paste(tile if scale == 1 else tile.resize(small), (number * small[0], 0))
    kind = "png" if scale == 1 else "jpeg"
    buffer = io.BytesIO()
    strip.save(buffer, kind.upper(), quality=85)
    return {
        "round": int(file.stem.removeprefix("round-")),
        "strip": _address(buffer.getvalue(), kind),
        "count": len(tiles),
        "said": said,
    }


def _classes(facts: RunFacts, names: list[str] | None) -> dict[str, Any] | None:
    """How often each class was said of the images of the last round that was looked at."""
    looked = [row for row in facts.metrics if "teacher_classes" in row]
    if not looked:
        return None
    last = looked[-1]
    counted = range(len(last["teacher_classes"]))
    if names is None and facts.card is not None and facts.card.class_names is not None:
        names = list(facts.card.class_names)
    return {
        "round": last["round"],
        "names": names or [str(number) for number in counted],
        "teacher": last["teacher_classes"],
        "student": last.get("student_classes"),
    }


def _belief_pictures(path: Path) -> list[Path]:
    return sorted(path.glob("beliefs*/beliefs.png"))


def _address(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
