"""What each metric says, in words."""

from __future__ import annotations

from collections.abc import Mapping

MEANINGS: dict[str, str] = {
    "roc_auc": "Chance that a row of the class scores higher than a row of another. 0.5 is guessing, 1 is perfect.",
    "average_precision": "Area under the precision-recall curve. Guessing gives the share of positives.",
    "log_loss": "How surprised the probabilities are by the truth. 0 is perfect; lower is better.",
    "brier_score": "Mean squared distance of the probabilities from the truth. Lower is better.",
    "accuracy": "Share of the rows whose class is right.",
    "balanced_accuracy": "Mean over the classes of the share that is found.",
    "precision": "Of the rows called positive, the share that is. Mean over the classes where there are more than two.",
    "recall": "Of the positive rows, the share that is found. Mean over the classes where there are more than two.",
    "f1": "Harmonic mean of precision and recall.",
    "matthews_corrcoef": "Correlation of predicted and true class. 0 is guessing, 1 is perfect.",
    "rmse": "Typical error, large ones weighing more, in units of the label. Lower is better.",
    "mae": "Mean absolute error, in units of the label. Lower is better.",
    "median_absolute_error": "Half of the rows are off by less than this.",
    "mape": "Mean error as a share of the true value.",
    "r2": "Share of the label's variance that is explained. 0 is what the mean gives, 1 is perfect.",
}


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
        sentences.append(
            f"Shown one positive row and one negative row, it ranks them rightly {metrics['roc_auc']:.0%} of the time."
        )
    if "recall" in metrics and "precision" in metrics:
        sentences.append(
            f"At the threshold {threshold:g} it finds {_in_hundred(metrics['recall'])} positives, and "
            f"{_in_hundred(metrics['precision'])} rows it calls positive are positive."
        )
    return sentences


def _tell_multiclass(metrics: Mapping[str, float], _threshold: float) -> list[str]:
    sentences = []
    if "accuracy" in metrics:
        sentences.append(f"It names the right class for {_in_hundred(metrics['accuracy'])} rows.")
    if "balanced_accuracy" in metrics:
        sentences.append(f"Counting every class alike, it finds {_in_hundred(metrics['balanced_accuracy'])} rows.")
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
    """A metric for a table: four significant digits; a dash where it is undefined."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"
