"""A metric of one model as a value and what each row contributed to its error.

To first order a metric of n rows differs from the truth by a sum over its rows. A row contributes the derivative
of the metric by the row's weight, times the weight (the infinitesimal jackknife: Efron 1982, "The Jackknife, the
Bootstrap and Other Resampling Plans", chapter 6). The contributions of two models to the same rows are subtracted and
added up for each entity, and their squares give the standard error of the difference: one way for every metric, without
a seed. For ROC AUC they are the placement values of DeLong et al. 1988, with entities those of Obuchowski 1997.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_mlkit.evaluation.metrics import (
    CONFUSION_FORMULAS,
    ConfusionFormula,
    UndefinedMetricError,
    pinball_losses,
)

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Linear:
    """A metric's value, and what each row contributed to its error, shape (n,), in sum 0."""

    value: float
    contributions: Floats


@dataclass(frozen=True)
class ScoredHoldout:
    """The rows that a metric is taken of.

    Attributes:
        labels: binary 0 and 1, multiclass the position of the class, regression the number; shape (n,).
        scores: shape (n,), multiclass (n, k); finite.
        weights: shape (n,), not negative, in sum n.
        threshold: from which score on a binary row counts as positive.
        quantile: the level of the quantile loss.
        gains: what it is worth to answer each row with no and with yes, shape (n, 2); of `value` only.
        least_probability: to which `log_loss` clips; that of the scores' own precision by default.
    """

    labels: NDArray[Any]
    scores: Floats
    weights: Floats
    threshold: float = 0.5
    quantile: float = 0.5
    gains: Floats | None = None
    least_probability: float | None = None

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The class that each row is taken for."""
        if self.scores.ndim == 2:
            best: NDArray[np.int64] = self.scores.argmax(axis=1)
            return best
        return (self.scores >= self.threshold).astype(np.int64)

    @property
    def errors(self) -> Floats:
        """Of a regression: label minus score."""
        return self.labels.astype(np.float64) - self.scores


LinearMetric = Callable[[ScoredHoldout], Linear]


def linearize(metric: str, rows: ScoredHoldout) -> Linear:
    """A metric of one model with its contributions.

    Raises:
        UndefinedMetricError: when the metric has no value for these rows.
    """
    return _LINEAR[metric](rows)


def _mean(losses: Floats, weights: Floats) -> Linear:
    total = float(weights.sum())
    value = float(np.dot(weights, losses)) / total
    return Linear(value, weights * (losses - value) / total)


def _log_loss(rows: ScoredHoldout) -> Linear:
    epsilon = rows.least_probability or np.finfo(rows.scores.dtype).eps
    return _mean(-np.log(np.clip(_of_truth(rows), epsilon, 1 - epsilon), dtype=np.float64), rows.weights)


def _of_truth(rows: ScoredHoldout) -> Floats:
    if rows.scores.ndim == 2:
        of_truth: Floats = np.take_along_axis(rows.scores, rows.labels[:, None], axis=1)[:, 0]
        return of_truth
    return np.where(rows.labels == 1, rows.scores, 1 - rows.scores)


def _brier_score(rows: ScoredHoldout) -> Linear:
    scores = rows.scores.astype(np.float64)
    if scores.ndim == 2:
        return _mean(np.einsum("ij,ij->i", scores, scores) - 2 * _of_truth(rows) + 1, rows.weights)
    return _mean(np.square(scores - rows.labels), rows.weights)


def _value(rows: ScoredHoldout) -> Linear:
    if rows.gains is None:
        raise UndefinedMetricError("nobody said what a false alarm and a miss cost")
    return _mean(np.take_along_axis(rows.gains, rows.predicted[:, None], axis=1)[:, 0], rows.weights)


def _roc_auc(rows: ScoredHoldout) -> Linear:
    """Binary: DeLong. Multiclass: the unweighted mean over the classes that occur of the area against the rest."""
    if rows.scores.ndim == 1:
        return _area(rows.labels == 1, rows.scores, rows.weights)
    present = np.unique(rows.labels[rows.weights > 0])
    areas = [_area(rows.labels == k, rows.scores[:, k], rows.weights) for k in present]
    value = sum(area.value for area in areas) / len(areas)
    contributions = areas[0].contributions
    for area in areas[1:]:
        contributions = contributions + area.contributions
    return Linear(value, contributions / len(areas))


def _area(positive: NDArray[np.bool_], scores: Floats, weights: Floats) -> Linear:
    """The area under the ROC curve from one sort, as Sun & Xu 2014 have it, with weights.

    Written so that few arrays of the rows' length are made: making them is what takes the time.
    """
    sorting = _Sorting.of(scores)
    is_positive, weight = positive[sorting.order], weights[sorting.order]
    below = sorting.sum_below(weight * is_positive)
    of_positives = float(np.dot(weight, is_positive))
    of_negatives = float(weight.sum()) - of_positives
    if not of_positives or not of_negatives:
        raise UndefinedMetricError("the labels hold one class only")
    # of a positive the share of negatives below it, of a negative that of positives above it; ties count half
    negatives = sorting.sum_below(weight)
    negatives -= below
    value = float(np.dot(weight * is_positive, negatives)) / of_positives / of_negatives
    negatives /= of_negatives
    negatives -= value
    negatives /= of_positives
    below /= -of_positives
    below += 1 - value
    below /= of_negatives
    np.copyto(negatives, below, where=~is_positive)
    negatives *= weight
    return Linear(value, sorting.unsort(negatives))


def _average_precision(rows: ScoredHoldout) -> Linear:
    """The sum over thresholds of the rise in recall times the precision; a row counts from its score down."""
    positive = rows.labels == 1
    sorting = _Sorting.of(-rows.scores)
    hits, all_rows = sorting.by_block(rows.weights * positive), sorting.by_block(rows.weights)
    total = hits.sum()
    if not total or total == all_rows.sum():
        raise UndefinedMetricError("the labels hold one class only")
    reached = np.cumsum(all_rows)
    precision = np.divide(np.cumsum(hits), reached, out=np.zeros_like(reached), where=reached > 0)
    per_row = np.divide(hits, reached, out=np.zeros_like(reached), where=reached > 0) / total
    value = float(np.dot(hits, precision) / total)
    as_hit = (precision - value) / total + _sum_from(per_row * (1 - precision))
    as_miss = -_sum_from(per_row * precision)
    shares = np.where(positive, sorting.to_rows(as_hit), sorting.to_rows(as_miss))
    return Linear(value, rows.weights * shares)


def _sum_from(values: Floats) -> Floats:
    return np.cumsum(values[::-1])[::-1]


@dataclass(frozen=True)
class _Sorting:
    """Rows in the order of their scores, in blocks of equal ones."""

    order: NDArray[np.intp]
    starts: NDArray[np.intp]

    @classmethod
    def of(cls, scores: Floats) -> _Sorting:
        order = np.argsort(scores)
        in_order = scores[order]
        begins = np.ones(len(order), np.bool_)
        np.not_equal(in_order[1:], in_order[:-1], out=begins[1:])
        return cls(order, np.flatnonzero(begins))

    @cached_property
    def lengths(self) -> NDArray[np.intp]:
        """The rows of each block."""
        lengths = np.empty_like(self.starts)
        np.subtract(self.starts[1:], self.starts[:-1], out=lengths[:-1])
        lengths[-1] = len(self.order) - self.starts[-1]
        return lengths

    def sum_below(self, values: Floats) -> Floats:
        """Of sorted values the sum of those before each, of equal scores the half; in the order of the scores."""
        sums = np.cumsum(values)
        if len(self.starts) == len(self.order):
            sums -= values / 2
            return sums
        middles = sums[self.starts + self.lengths - 1]
        middles[1:] += middles[:-1].copy()
        middles /= 2
        return np.repeat(middles, self.lengths)

    def by_block(self, values: Floats) -> Floats:
        """The sum of a row's values in each block."""
        sums: Floats = np.add.reduceat(values[self.order], self.starts)
        return sums

    def to_rows(self, of_blocks: Floats) -> Floats:
        """A value of each block given to each of its rows, in the rows' own order."""
        return self.unsort(np.repeat(of_blocks, self.lengths))

    def unsort(self, values: Floats) -> Floats:
        """Sorted values in the rows' own order."""
        rows = np.empty(len(self.order))
        rows[self.order] = values
        return rows


def _of_confusion(metric: str) -> LinearMetric:
    """A metric that hangs on the confusion matrix alone; all of them stay the same when every count is doubled."""

    def linear(rows: ScoredHoldout) -> Linear:
        count = rows.scores.shape[1] if rows.scores.ndim == 2 else 2
        formula = CONFUSION_FORMULAS["multiclass" if rows.scores.ndim == 2 else "binary"][metric]
        cells = rows.labels.astype(np.int64) * count + rows.predicted
        counts: Floats = np.bincount(cells, weights=rows.weights, minlength=count**2).astype(np.float64)
        confusion = counts.reshape(count, count)
        return Linear(formula(confusion), rows.weights * _slopes(formula, confusion).ravel()[cells])

    return linear


def _slopes(formula: ConfusionFormula, confusion: Floats) -> Floats:
    """The derivative of a metric by each cell that holds rows, by central differences."""
    slopes = np.zeros_like(confusion)
    for cell in zip(*np.nonzero(confusion), strict=True):
        step = min(1e-4 * confusion.sum(), confusion[cell] / 2)
        more, less = confusion.copy(), confusion.copy()
        more[cell] += step
        less[cell] -= step
        slopes[cell] = (formula(more) - formula(less)) / (2 * step)
    return slopes


def _rmse(rows: ScoredHoldout) -> Linear:
    """By the delta method: the contribution to the mean square over twice the root."""
    square = _mean(np.square(rows.errors), rows.weights)
    root = float(np.sqrt(square.value))
    return Linear(root, square.contributions / (2 * root) if root else square.contributions)


def _r2(rows: ScoredHoldout) -> Linear:
    """1 minus a ratio of two sums; the mean of the labels moves it in second order only."""
    labels, weights = rows.labels.astype(np.float64), rows.weights
    spread = np.square(labels - np.average(labels, weights=weights))
    total = float(np.dot(weights, spread))
    if not total:
        raise UndefinedMetricError("the labels are all the same")
    squares = np.square(rows.errors)
    ratio = float(np.dot(weights, squares)) / total
    return Linear(1 - ratio, weights * (ratio * spread - squares) / total)


def _mape(rows: ScoredHoldout) -> Linear:
    if np.any(rows.labels[rows.weights > 0] == 0):
        raise UndefinedMetricError("a label is 0, and nothing is a share of it")
    labels = np.where(rows.labels == 0, 1, rows.labels)
    return _mean(np.abs(rows.errors / labels), rows.weights)


def _quantile_loss(rows: ScoredHoldout) -> Linear:
    return _mean(pinball_losses(rows.errors, rows.quantile), rows.weights)


def _median_absolute_error(rows: ScoredHoldout) -> Linear:
    """A row above the median pushes it up by half the sparsity there (Koenker 2005, sections 3.2 and 3.4.1)."""
    errors = np.abs(rows.errors)
    order = np.argsort(errors)
    reached = np.cumsum(rows.weights[order])
    total = float(reached[-1])

    def quantile(level: float) -> float:
        places = [
            np.searchsorted(reached, level * total, side="left"),
            np.searchsorted(reached, level * total, "right"),
        ]
        return float(errors[order[np.clip(places, 0, len(errors) - 1)]].mean())

    median, width = quantile(0.5), _hall_sheather(int(np.count_nonzero(rows.weights)))
    sparsity = (quantile(0.5 + width) - quantile(0.5 - width)) / (2 * width)
    above = np.sign(errors - median) / 2
    return Linear(median, rows.weights * sparsity * (above - np.average(above, weights=rows.weights)) / total)


def _hall_sheather(rows: int) -> float:
    """The bandwidth of a sparsity at the median for a level of 0.95 (Hall & Sheather 1988)."""
    normal, density = 1.959964, 0.398942
    return min(0.4, float(rows ** (-1 / 3) * normal ** (2 / 3) * (1.5 * density**2) ** (1 / 3)))


_LINEAR: dict[str, LinearMetric] = {
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
    "log_loss": _log_loss,
    "brier_score": _brier_score,
    "value": _value,
    **{name: _of_confusion(name) for name in CONFUSION_FORMULAS["binary"]},
    "rmse": _rmse,
    "mae": lambda rows: _mean(np.abs(rows.errors), rows.weights),
    "median_absolute_error": _median_absolute_error,
    "mape": _mape,
    "quantile_loss": _quantile_loss,
    "r2": _r2,
}
