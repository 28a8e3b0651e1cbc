"""The recorded metrics for MLflow too, where it is asked for."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from zskt.errors import UserError, first_line
from zskt.extras import needs_extra


class MlflowBoard:
    """A run of MLflow, by its own settings: MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME.

    Args:
        path: the run folder; the run is called as it is.
        settings: of the run, to be searched by.

    Raises:
        UserError: if it is not installed, or only its client and there is no server; from `record`,
            if it takes no metrics.
    """

    def __init__(self, path: Path, settings: dict[str, Any]):
        try:
            mlflow: Any = import_module("mlflow")
        except ImportError as error:
            raise needs_extra("MLflow", "mlflow") from error
        if str(mlflow.get_tracking_uri()).startswith("sqlite") and find_spec("sqlalchemy") is None:
            raise UserError(
                "MLflow's client alone keeps no metrics on this machine; set MLFLOW_TRACKING_URI "
                "to the address of a server, or install mlflow whole"
            )
        self._mlflow = mlflow
        self._name = path.resolve().name
        self._settings = settings
        self._run: Any = None

    def record(self, row: dict[str, Any]) -> None:
        """One row of metrics; counts of classes stay in metrics.jsonl."""
        numbers = {name: value for name, value in row.items() if not isinstance(value, list)}
        try:
            if self._run is None:
                self._run = self._mlflow.start_run(run_name=self._name)
                self._mlflow.log_params(self._settings)
            self._mlflow.log_metrics(numbers, step=numbers.pop("round"))
        except Exception as error:
            # Of the network, the server or a folder: each has exceptions of its own.
            raise UserError(
                f"MLflow takes no metrics: {first_line(error)}; see to its server, or leave "
                "`log_to` out, and `resume`"
            ) from error

    def close(self) -> None:
        """End the run."""
        if self._run is not None:
            self._mlflow.end_run()
            self._run = None
