"""MLflow's door to a model's folder: `mlflow.pyfunc.load_model(uri).predict(raw_rows)`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_mlkit.workflows.model import Model

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class RawRowsModel:
    """What MLflow's python_function flavor calls."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> np.ndarray:  # noqa: ARG002
        """Score raw rows, with the model's own features() before; see `Model.score_raw`."""
        return self.model.score_raw(model_input)


def _load_pyfunc(path: str) -> RawRowsModel:
    """The loader that the file MLmodel names; MLflow fixes its name."""
    return RawRowsModel(Model.load(Path(path)))
