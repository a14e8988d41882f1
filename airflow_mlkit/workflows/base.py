"""The class that users extend. One method must be written."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_mlkit.spec.metrics import ProblemKind
from airflow_mlkit.spec.values import Scalar

if TYPE_CHECKING:
    import pandas as pd

    from airflow_mlkit.workflows.checkpoint import Checkpoint


class Workflow(ABC):
    """A model's own Python: how its features are made and how it is fitted.

    The kit loads the data, cuts it, calls `train`, and saves, scores, evaluates and promotes what it returns. It sets
    the attributes below before it calls `train`. They are not there in `features`, which depends on the rows alone.

    >>> class Churn(Workflow):
    ...     def train(self, training_dataframe, validation_dataframe):
    ...         model = XGBClassifier(**self.params, random_state=self.seed, enable_categorical=True)
    ...         features, label = training_dataframe[self.feature_columns], training_dataframe[self.label]
    ...         return self.checkpoint.fit(model, features, label)

    Attributes:
        params: `train.params` of mlkit.yaml, with those of this run laid over them.
        custom_params: the same mapping under the name it has in Stripe's Railyard.
        seed: `train.seed`; random and numpy.random are already seeded with it.
        threads: `train.threads`; OpenMP is already limited to it.
        label: name of the label's column.
        feature_columns: names of the columns to fit on, in order.
        classes: the label's own values in the order of their codes; empty for regression.
        problem_kind: `binary`, `multiclass` or `regression`.
        categories: the fixed list of each categorical column, by its name.
        checkpoint: keeps what is trained so far, so that a step that was killed goes on from there.
    """

    params: dict[str, Any]
    custom_params: dict[str, Any]
    seed: int
    threads: int
    label: str
    feature_columns: list[str]
    classes: list[Scalar]
    problem_kind: ProblemKind
    categories: dict[str, list[str]]
    checkpoint: Checkpoint

    @abstractmethod
    def train(self, training_dataframe: pd.DataFrame, validation_dataframe: pd.DataFrame) -> Any:
        """Fit an estimator. Called by position, so the parameters may have other names.

        Args:
            training_dataframe: the feature columns (float32, or Categorical with fixed categories) and the label,
                encoded: 0 and 1 for binary, the class's position for multiclass, float64 for regression.
            validation_dataframe: further rows of the same form, cut from the training part: for early stopping. The
                holdout is never shown.

        Returns:
            A fitted estimator: XGBoost's scikit-learn API, its Booster, or a scikit-learn estimator or pipeline.
        """

    def features(self, dataframe: pd.DataFrame) -> pd.DataFrame:
        """Make the columns that the model is fitted on from the raw ones; by default they are the raw ones.

        It is called batch by batch, in training, in batch scoring and live: what it makes of a row may hang on this row
        only.

        Args:
            dataframe: the columns of `data.features`.

        Returns:
            A frame with as many rows in the same order.
        """
        return dataframe


@dataclass(frozen=True)
class TrainingSettings:
    """What a workflow is told before it is trained; see the attributes of `Workflow`."""

    label: str
    feature_columns: tuple[str, ...]
    problem_kind: ProblemKind
    classes: tuple[Scalar, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    threads: int = 2


def configure(workflow: Any, settings: TrainingSettings, checkpoint: Checkpoint) -> None:
    """Set the attributes of a workflow, which need not inherit from `Workflow`."""
    params = dict(settings.params)
    attributes = {
        "params": params,
        "custom_params": params,
        "seed": settings.seed,
        "threads": settings.threads,
        "label": settings.label,
        "feature_columns": list(settings.feature_columns),
        "classes": list(settings.classes),
        "problem_kind": settings.problem_kind,
        "categories": {name: list(values) for name, values in settings.categories.items()},
        "checkpoint": checkpoint,
    }
    for name, value in attributes.items():
        setattr(workflow, name, value)
