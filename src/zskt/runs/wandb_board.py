"""The recorded metrics for Weights & Biases too, where it is asked for."""

from importlib import import_module
from pathlib import Path
from typing import Any

from zskt.errors import UserError, first_line
from zskt.extras import needs_extra


class WandbBoard:
    """A run of Weights & Biases, by its own settings: WANDB_PROJECT, WANDB_MODE=offline, a login.

    Args:
        path: the run folder; the run is called as it is, and its files lie there.
        settings: of the run, to be searched by.

    Raises:
        UserError: if it is not installed; from `record`, if it takes no metrics.
    """

    def __init__(self, path: Path, settings: dict[str, Any]):
        try:
            wandb: Any = import_module("wandb")
        except ImportError as error:
            raise needs_extra("Weights & Biases", "wandb") from error
        self._begin = lambda: wandb.init(
            dir=path, name=path.resolve().name, config=settings, reinit="create_new"
        )
        self._run: Any = None

    def record(self, row: dict[str, Any]) -> None:
        """One row of metrics; counts of classes stay in metrics.jsonl."""
        numbers = {name: value for name, value in row.items() if not isinstance(value, list)}
        try:
            self._run = self._run or self._begin()
            self._run.log(numbers, step=numbers.pop("round"))
        except Exception as error:
            # Of the network, the login or a folder: each has exceptions of its own.
            raise UserError(
                f"Weights & Biases takes no metrics: {first_line(error)}; log in, set "
                "WANDB_MODE=offline, or leave `log_to` out, and `resume`"
            ) from error

    def close(self) -> None:
        """Send or write what is left."""
        if self._run is not None:
            self._run.finish()
            self._run = None
