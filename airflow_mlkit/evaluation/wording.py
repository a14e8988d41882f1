"""What each metric says, in words."""

from __future__ import annotations

from collections.abc import Mapping

_MEANINGS: dict[str, str] = {
    "roc_auc": "Chance that a positive row scores higher than a negative one. 0.5 is guessing, 1 is perfect.",
    "average_precision": "Area under the precision-recall curve. Guessing gives the share of positives.",
    "log_loss": "How surprised the probabilities are by the truth. 0 is perfect; lower is better.",
    "brier_score": "Mean squared distance of the probabilities from the truth. Lower is better.",
    "accuracy": "Share of the rows whose class is right.",
    "balanced_accuracy": "Mean over the classes of the share that is found.",
    "precision": "Of the rows called positive, the share that is.",
    "recall": "Of the positive rows, the share that is found.",
    "f1": "Harmonic mean of precision and recall.",
    "matthews_corrcoef": "Correlation of predicted and true class. 0 is guessing, 1 is perfect.",
    "rmse": "Typical error, large ones weighing more, in units of the label. Lower is better.",
    "mae": "Mean absolute error, in units of the label. Lower is better.",
    "median_absolute_error": "Half of the rows are off by less than this.",
    "mape": "Mean error as a share of the true value.",
    "value": "What an answer is worth on average, in the currency of evaluate.costs. A cost is below 0.",
    "quantile_loss": "Mean error of a predicted quantile, too low and too high weighing as it asks. Lower is better.",
    "r2": "Share of the label's variance that is explained. 0 is what the mean gives, 1 is perfect.",
}
_MEANINGS_FOR_MANY_CLASSES: dict[str, str] = {
    "roc_auc": "How well each class is ranked above the rest, all counting alike. 0.5 is guessing, 1 is perfect.",
    "precision": "Of the rows called a class, the share that is; the mean over the classes.",
    "recall": "Of the rows of a class, the share that is found; the mean over the classes.",
    "f1": "Harmonic mean of precision and recall; the mean over the classes.",
}


def tell_meaning(metric: str, kind: str) -> str:
    """What a metric says, in a sentence or two."""
    return _MEANINGS_FOR_MANY_CLASSES.get(metric, _MEANINGS[metric]) if kind == "multiclass" else _MEANINGS[metric]


def tell(kind: str, metrics: Mapping[str, float | None], *, threshold: float, rows: int) -> list[str]:
    """The few sentences that a person wants first.

    Args:
        kind: of problem.
        metrics: of the holdout.
        threshold: from which score on a binary row counts as positive.
        rows: of the holdout.
    """
    known = {name: value for name, value in metrics.items() if value is not None}
    sentences = {"binary": _tell_binary, "multiclass": _tell_multiclass, "regression": _tell_regression}[kind](
        known, threshold
    )
    return sentences or [f"Nothing can be said about this model on these {rows:,} rows; the table below says why."]


def _tell_binary(metrics: Mapping[str, float], threshold: float) -> list[str]:
    sentences = []
    if "roc_auc" in metrics:
        share = f"{metrics['roc_auc']:.0%}"
        sentences.append(
            f"Shown one positive and one negative row, it scores the positive one higher {share} of the time."
        )
    if "recall" in metrics and "precision" in metrics:
        found, right = _in_hundred(metrics["recall"]), _in_hundred(metrics["precision"])
        sentences.append(
            f"At the threshold {threshold:g} it finds {found} positives; {right} rows it calls positive are."
        )
    return sentences


def _tell_multiclass(metrics: Mapping[str, float], _threshold: float) -> list[str]:
    sentences = []
    if "accuracy" in metrics:
        sentences.append(f"It names the right class for {_in_hundred(metrics['accuracy'])} rows.")
    if "balanced_accuracy" in metrics:
        sentences.append(
            f"With rare classes counting as much as frequent ones, it is {_in_hundred(metrics['balanced_accuracy'])}."
        )
    return sentences


def _tell_regression(metrics: Mapping[str, float], _threshold: float) -> list[str]:
    sentences = []
    if "median_absolute_error" in metrics:
        sentences.append(f"Half of its predictions are off by less than {metrics['median_absolute_error']:.3g}.")
    if "r2" in metrics:
        explained = metrics["r2"]
        sentences.append(
            f"It explains {explained:.0%} of the label's variance."
            if explained > 0
            else "It explains none of the label's variance: the mean of the label would do as well."
        )
    return sentences


def _in_hundred(share: float) -> str:
    return f"{share * 100:.0f} of 100"


def format_metric(value: float | None) -> str:
    """A metric for a table; a dash where it is undefined."""
    if value is None:
        return "–"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:,.1f}"
