"""Whether scores mean what they say.

For classes, the expected calibration error (Naeini, Cooper and Hauskrecht 2015, "Obtaining well calibrated
probabilities using Bayesian binning"): rows are put into bins of about equal size by their score, and the gaps between
the mean score and the share that came true are averaged over the rows. With several classes it is that of the predicted
class (Guo et al. 2017, "On calibration of modern neural networks"). Even perfect scores have some such error in a
finite sample: at most the sum of the bins' standard errors on average, and rarely much more, which is bounded without
any assumption (McDiarmid 1989, "On the method of bounded differences"). For numbers, the mean error in standard
deviations of the label.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr

from airflow_mlkit.gates.sanity.result import CHANCE, SanityResult
from airflow_mlkit.spec.metrics import ProblemKind
from airflow_mlkit.spec.sanity import CalibrationCheck

_MAX_BINS = 15
_ROWS_PER_BIN = 50


def check_calibration(
    check: CalibrationCheck,
    kind: ProblemKind,
    labels: NDArray[Any],
    scores: NDArray[Any],
    *,
    quantile: float | None = None,
    independent_share: float = 1.0,
) -> SanityResult:
    """Whether scores can be taken at their word.

    Args:
        check: with the limit.
        kind: of the problem.
        labels: encoded, shape (n,).
        scores: shape (n,), or (n, k) with a column for each class.
        quantile: which one a regression predicts; None where it predicts the mean.
        independent_share: independent rows per row, where several rows belong to one entity.
    """
    limit = check.limit("binary" if quantile else kind)  # how many lie below a quantile is a share too
    usable = np.isfinite(labels) & np.isfinite(scores).reshape(len(labels), -1).all(axis=1)
    if not usable.any():
        reason = "there are no scores that could be compared with labels"
        return SanityResult(check="calibration", passed=True, limit=limit, reason=reason)
    measured, chance, reason = _measure(kind, labels[usable], scores[usable], quantile, independent_share)
    passed = measured <= limit or chance > CHANCE
    return SanityResult(
        check="calibration",
        passed=passed,
        measured=measured,
        limit=limit,
        reason=reason if passed else f"{reason}, above {limit:.3g}",
    )


def _measure(
    kind: ProblemKind, labels: NDArray[Any], scores: NDArray[Any], quantile: float | None, independent_share: float
) -> tuple[float, float, str]:
    if quantile:
        gap, chance = quantile_gap(labels, scores, quantile, independent_share=independent_share)
        below = f"{(labels < scores).mean():.2g} of the labels lie below their predicted quantile {quantile:.3g}"
        return gap, chance, f"{below}, {gap:.2g} off"
    if kind == "regression":
        bias, chance = standardised_bias(labels, scores, independent_share=independent_share)
        way = "high" if bias > 0 else "low"
        return abs(bias), chance, f"predictions are on average {abs(bias):.2g} standard deviations too {way}"
    what, claimed, outcomes = "scores", scores, labels == 1
    if kind == "multiclass":
        predicted = scores.argmax(axis=1)
        what, claimed, outcomes = "predicted classes", scores[np.arange(len(scores)), predicted], predicted == labels
    error, chance = expected_calibration_error(claimed, outcomes, independent_share=independent_share)
    means = f"{what} promise {claimed.mean():.2g} on average and {outcomes.mean():.2g} came true"
    return error, chance, f"{means}; they are off by {error:.2g} on average"


def expected_calibration_error(
    scores: NDArray[Any], outcomes: NDArray[np.bool_], *, independent_share: float = 1.0
) -> tuple[float, float]:
    """The expected calibration error, and how likely at most perfect scores would have as large a one by chance.

    Args:
        scores: probabilities, shape (n,), n > 0.
        outcomes: whether each came true, shape (n,).
        independent_share: independent rows per row.

    Returns:
        The error in [0, 1], over at most 15 bins of at least 50 rows, and a probability.
    """
    rows, scores = len(scores), np.clip(scores.astype(float), 0, 1)
    bins = max(1, min(_MAX_BINS, rows // _ROWS_PER_BIN))
    code = np.searchsorted(np.quantile(scores, np.arange(1, bins) / bins), scores)  # equal scores stay together
    gaps = np.bincount(code, scores - outcomes, minlength=bins)
    error = float(np.abs(gaps).sum() / rows)
    by_chance = np.sqrt(np.bincount(code, scores * (1 - scores), minlength=bins) / independent_share).sum() / rows
    # another outcome of one row changes the error by 1 / rows at most
    return error, math.exp(-2 * rows * independent_share * max(error - by_chance, 0.0) ** 2)


def standardised_bias(
    labels: NDArray[Any], predictions: NDArray[Any], *, independent_share: float = 1.0
) -> tuple[float, float]:
    """The mean error in standard deviations of the label, and how likely it would be as large by chance (paired t).

    Args:
        labels: numbers, shape (n,).
        predictions: numbers, shape (n,).
        independent_share: independent rows per row.
    """
    errors, rows = predictions.astype(float) - labels, len(labels) * independent_share
    spread, bias = float(np.std(labels)), float(errors.mean())
    if not spread or rows <= 2:
        return 0.0, 1.0
    noise = float(np.std(errors)) / math.sqrt(rows - 1)
    return bias / spread, 2 * float(stdtr(rows - 1, -abs(bias) / noise)) if noise else 0.0


def quantile_gap(
    labels: NDArray[Any], predictions: NDArray[Any], quantile: float, *, independent_share: float = 1.0
) -> tuple[float, float]:
    """How far the share of labels below their predicted quantile is from it, and how likely at most that is by chance.

    A label that equals its prediction may count on either side. The probability is bounded by Hoeffding 1963.

    Args:
        labels: numbers, shape (n,).
        predictions: of the quantile, shape (n,).
        quantile: in (0, 1).
        independent_share: independent rows per row.
    """
    below, not_above = float((labels < predictions).mean()), float((labels <= predictions).mean())
    gap = max(below - quantile, quantile - not_above, 0.0)
    return gap, min(1.0, 2 * math.exp(-2 * len(labels) * independent_share * gap**2))
