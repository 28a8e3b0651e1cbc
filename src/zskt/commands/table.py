"""Tables for people: shares as percentages, sizes and times in readable units."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table


def print_rows(rows: Sequence[dict[str, Any]]) -> None:
    """Print rows of `zskt.comparison.compare`."""
    table = Table()
    table.add_column("network")
    for title in ("accuracy", "agreement", "parameters", "file", "latency"):
        table.add_column(title, justify="right")
    for row in rows:
        size = row["file_bytes"]
        table.add_row(
            row["network"],
            f"{row['accuracy']:.2%}",
            f"{row['agreement']:.2%}",
            f"{row['parameters']:,}",
            "-" if size is None else f"{size / 1000:,.0f} kB",
            f"{row['latency_seconds'] * 1000:.2f} ms",
        )
    # A pipe has no width of its own; nothing is cut there.
    console = Console()
    if not console.is_terminal:
        console.width = 120
    console.print(table)
