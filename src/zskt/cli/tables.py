"""Tables for people: shares as percentages, sizes and times in readable units."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_rows(rows: Sequence[dict[str, Any]]) -> None:
    """Print rows of `zskt.measure.contenders.compare`."""
    lines = []
    for row in rows:
        size = row["file_bytes"]
        lines.append((
            row["network"],
            f"{row['accuracy']:.2%}",
            f"{row['agreement']:.2%}",
            f"{row['parameters']:,}",
            "-" if size is None else f"{size / 1000:,.0f} kB",
            f"{row['latency_seconds'] * 1000:.2f} ms",
        ))  # fmt: skip
    titles = ("network", "accuracy", "agreement", "parameters", "file", "latency")
    print_columns(titles, lines)


def print_columns(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print lines of text; columns that hold numbers stand to the right."""
    table = Table()
    for number, title in enumerate(titles):
        digits = all(line[number][:1].isdigit() or line[number] == "-" for line in lines)
        table.add_column(title, justify="right" if digits else "left")
    for line in lines:
        table.add_row(*map(Text, line))
    _print(table)


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Print rows of any result, a column for each key."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = Table()
    for name in columns:
        words = any(isinstance(row.get(name), str | dict) for row in rows)
        table.add_column(name.replace("_", " "), justify="left" if words else "right")
    for row in rows:
        table.add_row(*(Text(shown(name, row.get(name))) for name in columns))
    _print(table)


SHARES = ("accuracy", "agreement", "confidence", "share")
"""How names of shares end, and of their spreads with `_std` after it."""


def shown(name: str, value: Any) -> str:
    """Shares as percentages, other numbers short, of counts those above zero."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{key} {count:,}" for key, count in value.items() if count)
    if isinstance(value, float):
        if name.endswith("accuracy_difference"):
            return f"{value:+.2%}"
        is_share = name.removesuffix("_std").endswith(SHARES)
        return f"{value:.2%}" if is_share else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _print(table: Table) -> None:
    # A pipe has no width of its own; nothing is cut there.
    console = Console()
    if not console.is_terminal:
        console.width = 160
    console.print(table)
