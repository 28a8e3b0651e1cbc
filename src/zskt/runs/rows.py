"""The rows of metrics that a run has recorded, one JSON object a line."""

import json
from pathlib import Path
from typing import Any

from zskt.errors import UserError


def number_of(row: dict[str, Any]) -> int:
    """The round or epoch of a row of metrics; or a `UserError`."""
    if type(number := row.get("round", row.get("epoch"))) is not int:
        raise UserError(f"the metrics hold a row without a round ({number}); start the run anew")
    return number


def read_rows(file: Path, *, until: int | None = None) -> list[dict[str, Any]]:
    """The rows up to a round or epoch; a last line cut short by a kill is left out."""
    rows = []
    lines = file.read_text(errors="replace").splitlines() if file.exists() else []
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not isinstance(row, dict):
            break
        if until is None or number_of(row) <= until:
            rows.append(row)
    return rows


def images_seen(rows: list[dict[str, Any]]) -> float:
    """Images that the student has learnt from, as the last row has it; 0 where it has nothing."""
    seen = rows[-1].get("images_seen") if rows else None
    return seen if isinstance(seen, int | float) else 0
