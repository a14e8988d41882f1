"""A saved model: loaded from its folder, with its own code, and ready to score."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from airflow_mlkit.exceptions import DataError, WorkflowError
from airflow_mlkit.workflows.features import apply_features
from airflow_mlkit.workflows.files import CODE_FOLDER, check_files
from airflow_mlkit.workflows.frames import to_feature_frame
from airflow_mlkit.workflows.load import load_workflow_from
from airflow_mlkit.workflows.manifest import ModelManifest, load_manifest
from airflow_mlkit.workflows.project_code import ProjectCode
from airflow_mlkit.workflows.user_code import user_code

if TYPE_CHECKING:
    import pandas as pd

Score = Callable[["pd.DataFrame"], np.ndarray]


class Model:
    """A model's folder, whole and checked. Two models of different versions of a project can be used side by side."""

    def __init__(self, folder: Path, manifest: ModelManifest) -> None:
        self.folder, self.manifest = folder, manifest

    @classmethod
    def load(cls, folder: Path, *, model_id: str | None = None) -> Self:
        """Load a model from the folder that train published, or from a copy of it.

        Nothing of the folder is imported or unpacked before its files were compared with the model id.

        Args:
            folder: the model's.
            model_id: the id that the model must have; None trusts the one in its own `model.json`.

        Raises:
            ModelError: when a part is missing, damaged, or is not what was saved.
        """
        manifest = load_manifest(Path(folder))
        check_files(Path(folder), manifest, model_id or manifest.model_id)
        model = cls(Path(folder), manifest)
        _ = model._scorer
        return model

    def score(self, features_frame: pd.DataFrame) -> np.ndarray:
        """Score rows that went through features() already.

        Args:
            features_frame: the feature columns in any order and of any dtype that holds their values.

        Returns:
            float64: (n,) the probability of the positive class for binary, the prediction for regression; (n, classes)
            for multiclass.

        Raises:
            DataError: when a column is missing or cannot be read as its type.
            WorkflowError: when the estimator raises, or a score is NaN or infinite.
        """
        frame = to_feature_frame(features_frame, self.manifest.features)
        if frame.empty:
            return self._no_scores
        with user_code(f"scoring with {self.manifest.estimator}"):
            scores = self._scorer(frame)
        self._check_finite(scores)
        return scores

    def features(self, raw_frame: pd.DataFrame) -> pd.DataFrame:
        """Make features of raw rows with the code that the model was trained with.

        Raises:
            DataError: when a raw column is missing.
            WorkflowError: when features() raises or returns something unusable.
        """
        inputs = list(self.manifest.inputs)
        missing = [name for name in inputs if name not in raw_frame.columns]
        if missing:
            raise DataError(f"the rows lack {', '.join(map(repr, missing))}.", hint="The model was trained with them.")
        workflow, code = self._workflow
        with code.active():
            return apply_features(workflow, raw_frame[inputs])

    def score_raw(self, raw_frame: pd.DataFrame) -> np.ndarray:
        """Score raw rows: `features`, then `score`."""
        return self.score(self.features(raw_frame))

    @property
    def _no_scores(self) -> np.ndarray:
        width = (len(self.manifest.classes),) if self.manifest.problem_kind == "multiclass" else ()
        return np.zeros((0, *width))

    @cached_property
    def _workflow(self) -> tuple[Any, ProjectCode]:
        return load_workflow_from(self.folder / CODE_FOLDER, self.manifest.workflow)

    @cached_property
    def _scorer(self) -> Score:
        return self._xgboost_scorer() if self.manifest.format == "xgboost" else self._sklearn_scorer()

    def _xgboost_scorer(self) -> Score:
        from airflow_mlkit.workflows.xgboost_format import load_booster, score_booster

        booster = load_booster(self.folder / self.manifest.model_file)
        columns = booster.feature_names or self.manifest.feature_names
        kind, order = self.manifest.problem_kind, self.manifest.class_order
        return lambda frame: score_booster(booster, frame[columns], kind, order)

    def _sklearn_scorer(self) -> Score:
        from airflow_mlkit.workflows.sklearn_scores import score_estimator
        from airflow_mlkit.workflows.skops_format import load_estimator

        manifest, package = self.manifest, self.manifest.workflow.partition(":")[0].partition(".")[0]
        # a class of the project's own is imported from the model's own code, while scoring too
        own = ProjectCode(self.folder / CODE_FOLDER, package) if manifest.trusted_types else None
        with own.active() if own else nullcontext():
            estimator = load_estimator(self.folder / manifest.model_file, package, manifest.trusted_types)
        columns = getattr(estimator, "feature_names_in_", None)
        names = manifest.feature_names if columns is None else [str(name) for name in columns]

        def score(frame: pd.DataFrame) -> np.ndarray:
            with own.active() if own else nullcontext():
                kind, classes, order = manifest.problem_kind, len(manifest.classes), manifest.class_order
                return score_estimator(estimator, frame[names], kind, classes, order)

        return score

    def _check_finite(self, scores: np.ndarray) -> None:
        finite = np.isfinite(scores) if scores.ndim == 1 else np.isfinite(scores).all(axis=1)
        if not finite.all():
            wrong = np.flatnonzero(~finite)
            raise WorkflowError(
                f"the model gives NaN scores for {len(wrong)} of {len(scores)} rows, first for row {wrong[0]}.",
                hint=f"{self.manifest.estimator} must score rows with missing values too: impute them in a pipeline.",
            )
