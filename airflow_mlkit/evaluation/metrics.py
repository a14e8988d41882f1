"""How each metric of `airflow_mlkit.spec.metrics` is computed: scikit-learn's definitions, in numpy, with one sort.

Undefined is None with a sentence, never NaN and never a guess. Where scikit-learn defines a value by convention, its
convention holds (precision is 0 where no row is predicted positive). Three cases differ on purpose: one class only
leaves the metrics that compare classes undefined; in multiclass `roc_auc` a class without a row in the labels is left
out, where scikit-learn gives NaN; `mape` is undefined where a label is 0, where scikit-learn divides by an epsilon.
docs/adr/0006-own-metrics-and-plots.md says why this is not scikit-learn itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from airflow_mlkit.spec.metrics import ProblemKind, metrics_of

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]
ConfusionFormula = Callable[[Floats], float]

ONE_CLASS = "the labels hold one class only"
NO_POSITIVE = "no label is positive"


class UndefinedMetricError(ValueError):
    """Raised inside this module when a metric has no value for these rows; says why."""


@dataclass(frozen=True)
class Measurement:
    """The metrics of one model on some rows: a value or None for each name, and why those that are None are."""

    values: dict[str, float | None]
    why_undefined: dict[str, str] = field(default_factory=dict)


def compute_metrics(
    kind: ProblemKind,
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    threshold: float = 0.5,
    classes: Sequence[Any] | None = None,
) -> dict[str, float | None]:
    """Every metric that is defined for a kind of problem; see `measure`."""
    return measure(kind, labels, scores, threshold=threshold, classes=classes).values


def measure(
    kind: ProblemKind,
    labels: ArrayLike,
    scores: ArrayLike,
    *,
    threshold: float = 0.5,
    classes: Sequence[Any] | None = None,
    gains: Floats | None = None,
    quantile: float | None = None,
) -> Measurement:
    """Every metric that is defined for a kind of problem.

    Args:
        kind: of problem.
        labels: encoded, shape (n,): binary 0 and 1, multiclass the position of the class, regression the number.
        scores: binary: probability of class 1, shape (n,). Multiclass: a probability for each class, shape (n, k).
            Regression: the prediction, shape (n,).
        threshold: from which score on a binary row counts as positive.
        classes: of a multiclass problem, in the order of their codes; only their number counts. Taken from the scores'
            shape when not given.
        gains: what it is worth to answer each row with each class, shape (n, k); with it there is `value`.
        quantile: which one a regression predicts; with it there is `quantile_loss`.

    Raises:
        ValueError: when the lengths or the number of classes differ.
    """
    truth, given = np.asarray(labels), as_floats(np.asarray(scores))
    _check_shapes(kind, truth, given, classes)
    priced = {"value": gains, "quantile_loss": quantile}
    if trouble := _find_trouble(truth, given):
        names = [*metrics_of(kind), *(name for name in priced if priced[name] is not None)]
        return Measurement(dict.fromkeys(names), dict.fromkeys(names, trouble))
    rows = _ROWS[kind](truth, given, threshold)
    values: dict[str, float | None] = {}
    why: dict[str, str] = {}
    for name in metrics_of(kind):
        try:
            values[name] = _finite(float(_FORMULAS[kind][name](rows)))
        except UndefinedMetricError as reason:
            values[name], why[name] = None, str(reason)
    if gains is not None:
        values["value"] = float(np.take_along_axis(gains, rows.predicted[:, None], axis=1).mean())
    if quantile is not None:
        values["quantile_loss"] = float(pinball_losses(rows.errors, quantile).mean())
    return Measurement(values, why)


def pinball_losses(errors: Floats, quantile: float) -> Floats:
    """The loss of each row where a quantile is predicted (Koenker & Bassett 1978); errors are label minus score."""
    losses: Floats = np.maximum(quantile * errors, (quantile - 1) * errors)
    return losses


def as_floats(scores: NDArray[Any]) -> Floats:
    """Numbers as they are where they are floats, else in double precision."""
    return scores if scores.dtype.kind == "f" else scores.astype(np.float64)


def _check_shapes(kind: ProblemKind, labels: NDArray[Any], scores: Floats, classes: Sequence[Any] | None) -> None:
    if len(labels) != len(scores):
        raise ValueError(f"{len(labels)} labels and {len(scores)} scores")
    if scores.ndim != (2 if kind == "multiclass" else 1):
        raise ValueError(f"scores of a {kind} problem cannot have the shape {scores.shape}")
    if kind == "multiclass" and classes is not None and len(classes) != scores.shape[1]:
        raise ValueError(f"{scores.shape[1]} scores a row for {len(classes)} classes")


def _find_trouble(labels: NDArray[Any], scores: NDArray[Any]) -> str | None:
    if len(labels) == 0:
        return "there are no rows"
    if labels.dtype.kind == "f" and (bad := count_not_finite(labels)):
        return f"{bad} of {len(labels)} labels are missing or infinite"
    if bad := count_not_finite(scores):
        return f"{bad} of {len(scores)} scores are NaN or infinite"
    return None


def count_not_finite(values: NDArray[Any]) -> int:
    """How many rows are NaN or infinite, or hold such a number, of shape (n,) or (n, k)."""
    finite = np.isfinite(values)
    return int(len(values) - np.count_nonzero(finite.all(axis=1) if finite.ndim == 2 else finite))


def _finite(value: float) -> float:
    if not np.isfinite(value):
        raise UndefinedMetricError("the value is not a finite number")
    return value


@dataclass(frozen=True)
class _Regression:
    labels: Floats
    scores: Floats

    @cached_property
    def errors(self) -> Floats:
        return self.labels - self.scores


@dataclass(frozen=True)
class _Classified:
    """Rows with classes. `of_truth` is the probability that each row's true class was given."""

    labels: Integers
    scores: Floats
    class_count: int
    predicted: Integers
    of_truth: Floats

    @cached_property
    def confusion(self) -> Integers:
        """How many rows of each class (first axis) were predicted to be of each class (second axis)."""
        return count_confusion(self.labels, self.predicted, self.class_count)

    @cached_property
    def has_one_class(self) -> bool:
        return int(np.count_nonzero(self.confusion.sum(axis=1))) < 2

    @cached_property
    def curve(self) -> tuple[Integers, Integers]:
        return cumulative_counts(self.labels == 1, self.scores)


def _regression_rows(labels: NDArray[Any], scores: Floats, _threshold: float) -> _Regression:
    return _Regression(labels.astype(np.float64), scores.astype(np.float64))


def _binary_rows(labels: NDArray[Any], scores: Floats, threshold: float) -> _Classified:
    codes = _codes(labels, 2)
    return _Classified(
        codes, scores, 2, (scores >= threshold).astype(np.int64), np.where(codes == 1, scores, 1 - scores)
    )


def _multiclass_rows(labels: NDArray[Any], scores: Floats, _threshold: float) -> _Classified:
    codes = _codes(labels, scores.shape[1])
    of_truth = np.take_along_axis(scores, codes[:, None], axis=1)[:, 0]
    return _Classified(codes, scores, scores.shape[1], scores.argmax(axis=1), of_truth)


def _codes(labels: NDArray[Any], class_count: int) -> NDArray[np.int64]:
    codes = labels.astype(np.int64)
    if codes.min() < 0 or codes.max() >= class_count:
        raise ValueError(f"labels from {codes.min()} to {codes.max()} are no codes of {class_count} classes")
    return codes


def count_confusion(labels: Integers, predicted: Integers, class_count: int) -> NDArray[np.int64]:
    """How many rows of each class (first axis) were predicted to be of each class (second axis)."""
    cells = labels.astype(np.int64) * class_count + predicted
    return np.bincount(cells, minlength=class_count**2).astype(np.int64).reshape(class_count, class_count)


def cumulative_counts(positive: NDArray[np.bool_], scores: Floats) -> tuple[Integers, Integers]:
    """True and false positives when each distinct score, from the highest down, is the threshold. One sort.

    Args:
        positive: whether each row is positive, shape (n,).
        scores: shape (n,), finite.

    Returns:
        (true positives, false positives), each of shape (number of distinct scores,), increasing.
    """
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last_of_block = np.flatnonzero(np.append(np.diff(ordered) != 0, True))
    true_positives: NDArray[np.int64] = np.cumsum(positive[order], dtype=np.int64)[last_of_block]
    return true_positives, last_of_block + 1 - true_positives


def area_under_roc(true_positives: Integers, false_positives: Integers) -> float:
    """The area under the ROC curve by the trapezoidal rule: ties count half (Fawcett 2006).

    Raises:
        UndefinedMetricError: when one of the classes has no row.
    """
    positives, negatives = int(true_positives[-1]), int(false_positives[-1])
    if not positives or not negatives:
        raise UndefinedMetricError(ONE_CLASS)
    heights = np.append(0, true_positives[:-1]) + true_positives
    # exact in integers up to the last division, so that equal rankings give equal areas
    return float(np.dot(np.diff(false_positives, prepend=0), heights)) / (2.0 * positives * negatives)


def _roc_auc_binary(rows: _Classified) -> float:
    return area_under_roc(*rows.curve)


def _roc_auc_one_vs_rest(rows: _Classified) -> float:
    """The unweighted mean, over the classes that occur, of the area that tells each from the rest."""
    if rows.has_one_class:
        raise UndefinedMetricError(ONE_CLASS)
    present = np.flatnonzero(rows.confusion.sum(axis=1))
    return float(np.mean([area_under_roc(*cumulative_counts(rows.labels == k, rows.scores[:, k])) for k in present]))


def _average_precision(rows: _Classified) -> float:
    """The sum of the precision at each threshold, weighted by the rise in recall."""
    if rows.has_one_class:
        raise UndefinedMetricError(ONE_CLASS)
    true_positives, false_positives = rows.curve
    precision = true_positives / (true_positives + false_positives)
    return float(np.dot(np.diff(true_positives, prepend=0), precision)) / int(true_positives[-1])


def _log_loss(rows: _Classified) -> float:
    """Minus the mean log of the probability given to the truth, clipped by the epsilon of the scores' float type."""
    epsilon = np.finfo(rows.scores.dtype).eps
    return -float(np.mean(np.log(np.clip(rows.of_truth, epsilon, 1 - epsilon), dtype=np.float64)))


def _brier_binary(rows: _Classified) -> float:
    return float(np.mean(np.square(rows.scores.astype(np.float64) - (rows.labels == 1))))


def _brier_multiclass(rows: _Classified) -> float:
    """The mean over rows of the squared distance from the truth, summed over classes: from 0 to 2."""
    scores = rows.scores.astype(np.float64)
    return float(np.mean(np.einsum("ij,ij->i", scores, scores) - 2 * rows.of_truth.astype(np.float64) + 1))


def _accuracy(confusion: Floats) -> float:
    return float(np.trace(confusion)) / float(confusion.sum())


def _balanced_accuracy(confusion: Floats) -> float:
    """The mean recall of the classes that occur in the labels."""
    of_class = _refuse_one_class(confusion)
    present = of_class > 0
    return float(np.mean(np.diag(confusion)[present] / of_class[present]))


def _matthews_corrcoef(confusion: Floats) -> float:
    """Gorodkin 2004; 0 where all rows are predicted to be of one class."""
    true, predicted, total = _refuse_one_class(confusion), confusion.sum(axis=0), confusion.sum()
    covariance = np.trace(confusion) * total - true @ predicted
    variances = (total**2 - true @ true) * (total**2 - predicted @ predicted)
    return float(covariance / np.sqrt(variances)) if variances else 0.0


def _refuse_one_class(confusion: Floats) -> Floats:
    """How many rows there are of each class, where there are two or more."""
    of_class: Floats = confusion.sum(axis=1)
    if np.count_nonzero(of_class) < 2:
        raise UndefinedMetricError(ONE_CLASS)
    return of_class


def _precision_recall_f1(confusion: Floats) -> tuple[Floats, Floats, Floats]:
    """Each for every class, with 0 for 0/0."""
    hits = np.diag(confusion)
    true, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    return _divide(hits, predicted), _divide(hits, true), _divide(2 * hits, true + predicted)


def _divide(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros_like(above), where=below != 0)


def _of_positive_class(which: int) -> ConfusionFormula:
    def formula(confusion: Floats) -> float:
        if not confusion[1].sum():
            raise UndefinedMetricError(NO_POSITIVE)
        return float(_precision_recall_f1(confusion)[which][1])

    return formula


def _macro(which: int) -> ConfusionFormula:
    """The unweighted mean over the classes that occur in the labels or in the predictions."""

    def formula(confusion: Floats) -> float:
        occurs = _refuse_one_class(confusion) + confusion.sum(axis=0) > 0
        return float(np.mean(_precision_recall_f1(confusion)[which][occurs]))

    return formula


def _mape(rows: _Regression) -> float:
    if np.any(rows.labels == 0):
        raise UndefinedMetricError("a label is 0, and nothing is a share of it")
    return float(np.mean(np.abs(rows.errors / rows.labels)))


def _r2(rows: _Regression) -> float:
    """1 - residual sum of squares / total sum of squares."""
    total = float(np.sum(np.square(rows.labels - np.mean(rows.labels))))
    if len(rows.labels) < 2 or total == 0:
        raise UndefinedMetricError("the labels are all the same")
    return 1 - float(np.sum(np.square(rows.errors))) / total


_ROWS: dict[str, Callable[[NDArray[Any], Floats, float], Any]] = {
    "binary": _binary_rows,
    "multiclass": _multiclass_rows,
    "regression": _regression_rows,
}
_CONFUSION_OF_BOTH: dict[str, ConfusionFormula] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "matthews_corrcoef": _matthews_corrcoef,
}
CONFUSION_FORMULAS: dict[str, dict[str, ConfusionFormula]] = {
    "binary": _CONFUSION_OF_BOTH
    | {name: _of_positive_class(which) for which, name in enumerate(("precision", "recall", "f1"))},
    "multiclass": _CONFUSION_OF_BOTH
    | {name: _macro(which) for which, name in enumerate(("precision", "recall", "f1"))},
}
"""The metrics that hang on the confusion matrix alone, of float counts or weights, true classes first."""


def _of_confusion(kind: str) -> dict[str, Callable[[Any], float]]:
    def of_rows(formula: ConfusionFormula) -> Callable[[_Classified], float]:
        return lambda rows: formula(rows.confusion.astype(np.float64))

    return {name: of_rows(formula) for name, formula in CONFUSION_FORMULAS[kind].items()}


_FORMULAS: dict[str, dict[str, Callable[[Any], float]]] = {
    "binary": _of_confusion("binary")
    | {
        "roc_auc": _roc_auc_binary,
        "average_precision": _average_precision,
        "log_loss": _log_loss,
        "brier_score": _brier_binary,
    },
    "multiclass": _of_confusion("multiclass")
    | {"roc_auc": _roc_auc_one_vs_rest, "log_loss": _log_loss, "brier_score": _brier_multiclass},
    "regression": {
        "rmse": lambda rows: float(np.sqrt(np.mean(np.square(rows.errors)))),
        "mae": lambda rows: float(np.mean(np.abs(rows.errors))),
        "median_absolute_error": lambda rows: float(np.median(np.abs(rows.errors))),
        "mape": _mape,
        "r2": _r2,
    },
}
