"""`model.json`: what a model's folder says of itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from airflow_mlkit.data.split_record import FeatureColumn
from airflow_mlkit.data.trained_rows import TrainedRows
from airflow_mlkit.exceptions import ModelError
from airflow_mlkit.rundir.records import Record
from airflow_mlkit.spec.metrics import ProblemKind
from airflow_mlkit.spec.values import Scalar

MANIFEST_FILE = "model.json"

ModelFormat = Literal["xgboost", "skops"]

MODEL_FILES: dict[str, str] = {"xgboost": "model.ubj", "skops": "model.skops"}


class ModelManifest(Record):
    """What is needed to load a model, to score with it and to know it again.

    `inputs` are the raw columns that features() is given, `features` the columns that it returned, in the order of
    `split.json`. `class_order` holds the code of each class in the order in which the estimator gives them; None where
    that is the order of the codes, as in every model that the kit has trained. `fitted_on` names the columns that the
    estimator takes of them; empty where it does not say. `model_id` is the hash of `airflow_mlkit.workflows.model_id`,
    `model_hash` that of the model's file. `device` is where it was trained: an id made on a GPU may differ from one
    made on a CPU. `seed`, `threads` and `device` of a model that was trained elsewhere are not known. `trained_rows`
    says which rows it learned from, so that a gate can prove that a holdout is new to it.
    """

    format: ModelFormat
    estimator: str
    problem_kind: ProblemKind
    classes: tuple[Scalar, ...] = ()
    class_order: tuple[int, ...] | None = None
    label: str
    inputs: tuple[str, ...]
    features: tuple[FeatureColumn, ...]
    fitted_on: tuple[str, ...] = ()
    workflow: str
    trusted_types: tuple[str, ...] = ()
    params: dict[str, Any] = Field(default_factory=dict)
    seed: int | None
    threads: int | None
    device: str | None = "cpu"
    code_hash: str
    model_hash: str
    model_id: str
    rows: dict[str, int] = Field(default_factory=dict)
    trained_rows: TrainedRows | None = None
    best_iteration: int | None = None
    libraries: dict[str, str] = Field(default_factory=dict)

    @property
    def feature_names(self) -> list[str]:
        """The names of the columns that the model is scored on, in order."""
        return [feature.name for feature in self.features]

    @property
    def model_file(self) -> str:
        """The name of the file that holds the fitted estimator."""
        return MODEL_FILES[self.format]


def load_manifest(folder: Path) -> ModelManifest:
    """Read a model folder's `model.json`.

    Raises:
        ModelError: when it is not there or damaged.
    """
    path = folder / MANIFEST_FILE
    try:
        return ModelManifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ModelError(f"{path} is not there: {folder} is no model's folder.") from None
    except ValidationError as error:
        raise ModelError(f"{path} is damaged: {error.errors()[0]['msg']}.") from None
