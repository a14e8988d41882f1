"""The metrics that a gate may name: which problem each belongs to and which way is better.

The names are scikit-learn's where it has one (https://scikit-learn.org/stable/modules/model_evaluation.html). How each
is computed stands in `airflow_mlkit.evaluation.metrics`; this table imports nothing heavy, so that specs can be checked
anywhere.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from airflow_mlkit.spec.nearest import did_you_mean

ProblemKind = Literal["binary", "multiclass", "regression"]


class MetricRule(NamedTuple):
    """Which problems a metric is defined for, and whether a larger value is a better one."""

    kinds: frozenset[str]
    higher_is_better: bool


_CLASSES = frozenset({"binary", "multiclass"})
_BINARY = frozenset({"binary"})
_REGRESSION = frozenset({"regression"})

METRICS: dict[str, MetricRule] = {
    "roc_auc": MetricRule(_CLASSES, True),
    "average_precision": MetricRule(_BINARY, True),
    "log_loss": MetricRule(_CLASSES, False),
    "brier_score": MetricRule(_CLASSES, False),
    "accuracy": MetricRule(_CLASSES, True),
    "balanced_accuracy": MetricRule(_CLASSES, True),
    "precision": MetricRule(_CLASSES, True),
    "recall": MetricRule(_CLASSES, True),
    "f1": MetricRule(_CLASSES, True),
    "matthews_corrcoef": MetricRule(_CLASSES, True),
    "rmse": MetricRule(_REGRESSION, False),
    "mae": MetricRule(_REGRESSION, False),
    "median_absolute_error": MetricRule(_REGRESSION, False),
    "mape": MetricRule(_REGRESSION, False),
    "r2": MetricRule(_REGRESSION, True),
}

PRICED_METRICS: dict[str, MetricRule] = {
    "value": MetricRule(_CLASSES, True),
    "quantile_loss": MetricRule(_REGRESSION, False),
}
"""The metrics that mean something only where evaluate.costs says what an error costs, evaluate.quantile which it is."""

ALL_METRICS = METRICS | PRICED_METRICS


def rule_of(metric: str) -> MetricRule:
    """The rule of any metric.

    Raises:
        ValueError: when there is no such metric.
    """
    if metric not in ALL_METRICS:
        raise ValueError(f"unknown metric {metric!r}{did_you_mean(metric, ALL_METRICS)}")
    return ALL_METRICS[metric]


def metrics_of(kind: str) -> list[str]:
    """The names of the metrics that are defined for a kind of problem, in the order of the table."""
    return [name for name, rule in METRICS.items() if kind in rule.kinds]
