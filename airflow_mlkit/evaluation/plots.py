"""The plots of a report, by kind of problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_mlkit.evaluation.chart import Axis, Chart, histogram, thin_out
from airflow_mlkit.evaluation.metrics import area_under_roc, cumulative_counts

_BINS = 30
_CALIBRATION_BINS = 10
_MOST_CURVES = 6
_MOST_DOTS = 800
_SHOWN_FEATURES = 15


@dataclass(frozen=True)
class Plot:
    """A chart with its heading and one line that says how to read it."""

    title: str
    caption: str
    svg: str


def draw_plots(kind: str, labels: NDArray[Any], scores: NDArray[Any], classes: Sequence[Any]) -> list[Plot]:
    """The plots of a holdout; those that need both classes are left out where there is one only.

    Args:
        kind: of problem.
        labels: encoded, shape (n,).
        scores: finite; shape (n,), or (n, k) for multiclass.
        classes: the label's values in the order of their codes; empty for regression.
    """
    names = [str(name) for name in classes]
    match kind:
        case "binary":
            return _draw_binary(labels == 1, scores.astype(np.float64), names)
        case "multiclass":
            return [plot for plot in [_draw_one_vs_rest(labels, scores, names)] if plot]
        case _:
            return _draw_regression(labels.astype(np.float64), scores.astype(np.float64))


def _draw_binary(positive: NDArray[np.bool_], scores: NDArray[np.float64], classes: Sequence[str]) -> list[Plot]:
    plots = [_draw_calibration(positive, scores, classes[1]), _draw_scores(positive, scores, classes)]
    if positive.all() or not positive.any():
        return plots
    true_positives, false_positives = cumulative_counts(positive, scores)
    return [_draw_roc(true_positives, false_positives), _draw_precision_recall(true_positives, false_positives), *plots]


def _draw_roc(true_positives: NDArray[Any], false_positives: NDArray[Any]) -> Plot:
    area = area_under_roc(true_positives, false_positives)
    chart = Chart(Axis("False positive rate", 0, 1), Axis("True positive rate", 0, 1), f"ROC curve, area {area:.3f}")
    chart.line([0, 1], [0, 1], "reference", "chance")
    chart.line(_from_zero(false_positives), _from_zero(true_positives), "s1", f"model, area {area:.3f}")
    return Plot(
        "ROC",
        "How many positives are found for how many false alarms. Further to the upper left is better.",
        chart.svg(),
    )


def _from_zero(counts: NDArray[Any]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = np.append(0, counts) / counts[-1]
    return shares


def _draw_precision_recall(true_positives: NDArray[Any], false_positives: NDArray[Any]) -> Plot:
    precision = true_positives / (true_positives + false_positives)
    share = true_positives[-1] / (true_positives[-1] + false_positives[-1])
    chart = Chart(
        Axis("Recall", 0, 1), Axis("Precision", 0, 1), f"Precision against recall; {share:.1%} of the rows are positive"
    )
    chart.line([0, 1], [share, share], "reference", f"chance, {share:.1%}")
    chart.line(true_positives / true_positives[-1], precision, "s1", "model")
    return Plot(
        "Precision and recall",
        "How pure the found rows stay as more of the positives are found. Higher is better.",
        chart.svg(),
    )


def _draw_calibration(positive: NDArray[np.bool_], scores: NDArray[np.float64], name: str) -> Plot:
    bins = np.minimum((np.clip(scores, 0, 1) * _CALIBRATION_BINS).astype(np.int64), _CALIBRATION_BINS - 1)
    counts = np.bincount(bins, minlength=_CALIBRATION_BINS)
    used = counts > 0
    predicted = np.bincount(bins, weights=scores, minlength=_CALIBRATION_BINS)[used] / counts[used]
    actual = np.bincount(bins, weights=positive, minlength=_CALIBRATION_BINS)[used] / counts[used]
    chart = Chart(
        Axis("Predicted probability", 0, 1),
        Axis("Share that is positive", 0, 1),
        "Calibration in ten bins of the score",
    )
    chart.line([0, 1], [0, 1], "reference", "perfect")
    chart.line(predicted, actual, "s1", "model").points(predicted, actual, "s1", radius=4)
    caption = f"Of the rows given 30 %, do 30 % turn out to be {name}? Below the diagonal the model promises too much."
    return Plot("Calibration", caption, chart.svg())


def _draw_scores(positive: NDArray[np.bool_], scores: NDArray[np.float64], classes: Sequence[str]) -> Plot:
    drawn = [
        (histogram(scores[rows], 0, 1, _BINS), style, name)
        for rows, style, name in ((~positive, "s1", classes[0]), (positive, "s2", classes[1]))
        if rows.any()
    ]
    highest = max(float(shares.max()) for (_, shares), _, _ in drawn)
    chart = Chart(
        Axis("Score", 0, 1),
        Axis.around("Share of the class's rows", [highest], zero=True),
        "Distribution of the scores for each class",
    )
    for (edges, shares), style, name in drawn:
        chart.bars(edges, shares, style, name)
    return Plot("Scores by class", "The less the two overlap, the better the model tells them apart.", chart.svg())


def _draw_one_vs_rest(labels: NDArray[Any], scores: NDArray[Any], classes: Sequence[str]) -> Plot | None:
    counts = np.bincount(labels.astype(np.int64), minlength=len(classes))
    shown = [k for k in np.argsort(-counts, kind="stable") if 0 < counts[k] < len(labels)][:_MOST_CURVES]
    if not shown:
        return None
    chart = Chart(
        Axis("False positive rate", 0, 1), Axis("True positive rate", 0, 1), "ROC curve of each class against the rest"
    )
    chart.line([0, 1], [0, 1], "reference", "chance")
    for position, k in enumerate(shown, 1):
        true_positives, false_positives = cumulative_counts(labels == k, scores[:, k])
        area = area_under_roc(true_positives, false_positives)
        chart.line(
            _from_zero(false_positives), _from_zero(true_positives), f"s{position}", f"{classes[k]}, area {area:.3f}"
        )
    rest = int(np.count_nonzero(counts)) - len(shown)
    caption = "How well each class is told from all others." + (
        f" The {len(shown)} most frequent; {rest} more are left out." if rest else ""
    )
    return Plot("ROC, one against the rest", caption, chart.svg())


def _draw_regression(labels: NDArray[np.float64], scores: NDArray[np.float64]) -> list[Plot]:
    kept = thin_out(len(labels), _MOST_DOTS)
    errors = labels - scores
    return [
        _draw_predicted_actual(labels[kept], scores[kept]),
        _draw_residuals(scores[kept], errors[kept]),
        _draw_residual_histogram(errors),
    ]


def _draw_predicted_actual(labels: NDArray[np.float64], scores: NDArray[np.float64]) -> Plot:
    both = Axis.around("", labels, scores)
    chart = Chart(
        Axis("Predicted", both.low, both.high), Axis("Actual", both.low, both.high), "Actual against predicted values"
    )
    chart.points(scores, labels, "s1", "rows", radius=2.5).line(
        [both.low, both.high], [both.low, both.high], "reference", "perfect"
    )
    return Plot(
        "Predicted and actual", f"{len(labels):,} rows of the holdout; closer to the line is better.", chart.svg()
    )


def _draw_residuals(scores: NDArray[np.float64], errors: NDArray[np.float64]) -> Plot:
    x = Axis.around("Predicted", scores)
    chart = Chart(x, Axis.around("Actual minus predicted", errors, [0]), "Residuals against predicted values")
    chart.points(scores, errors, "s1", "rows", radius=2.5).line([x.low, x.high], [0, 0], "reference", "no error")
    return Plot(
        "Residuals",
        "Without a pattern is good; a bend or a funnel shows where the model is wrong in the same way.",
        chart.svg(),
    )


def _draw_residual_histogram(errors: NDArray[np.float64]) -> Plot:
    low, high = (float(value) for value in np.quantile(errors, [0.005, 0.995]))
    x = Axis.around("Actual minus predicted", [low, high, 0])
    edges, shares = histogram(errors, x.low, x.high, _BINS)
    chart = Chart(x, Axis.around("Share of the rows", shares, zero=True), "Distribution of the residuals")
    chart.bars(edges, shares, "s1").line([0, 0], [0, float(shares.max())], "reference")
    return Plot(
        "Distribution of the residuals",
        "Narrow and around 0 is good. The outermost half percent is drawn at the ends.",
        chart.svg(),
    )


@dataclass(frozen=True)
class Bar:
    """One row of a bar table: `share` is its length, 0 to 1."""

    name: str
    value: float
    share: float


def shown_importance(importance: Mapping[str, float]) -> list[Bar]:
    """The columns that matter most, the most important first."""
    ordered = sorted(importance.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN_FEATURES]
    largest = max((value for _, value in ordered), default=0.0)
    return [Bar(name, value, max(value, 0) / largest if largest > 0 else 0.0) for name, value in ordered]
