"""The model id: the hash of what a model is, and of nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_mlkit.data.split_record import FeatureColumn
from airflow_mlkit.rundir.canonical import hash_value
from airflow_mlkit.spec.metrics import ProblemKind
from airflow_mlkit.spec.values import Scalar


def hash_model(
    *,
    model_format: str,
    model_hash: str,
    workflow: str,
    code_hash: str,
    problem_kind: ProblemKind,
    label: str,
    classes: Sequence[Scalar],
    features: Sequence[FeatureColumn],
    class_order: Sequence[int] | None = None,
) -> str:
    """sha256 of a canonical manifest: the same inputs and code give the same id anywhere, at any time.

    Args:
        model_format: `xgboost` or `skops`.
        model_hash: sha256 of the model's file, which holds no time, path or object id.
        workflow: `package.module:ClassName`.
        code_hash: of the project's package.
        problem_kind: binary, multiclass or regression.
        label: the label's column.
        classes: the label's values in the order of their codes.
        features: the columns of the model, with their types and categories.
        class_order: the codes of the classes in the order in which the estimator gives them, where that is another.
    """
    return hash_value(
        ({} if class_order is None else {"class_order": list(class_order)})
        | {
            "model_id": 1,
            "format": model_format,
            "model": model_hash,
            "workflow": workflow,
            "code": code_hash,
            "problem": problem_kind,
            "label": label,
            "classes": list(classes),
            "features": [feature.model_dump(mode="json") for feature in features],
        }
    )
