"""Whether scores mean what they say.

For classes, the expected calibration error (Naeini, Cooper and Hauskrecht 2015, "Obtaining well calibrated probabilities
using Bayesian binning"): rows are put into bins of about equal size by their score, and the gaps between the mean score
and the share that came true are averaged over the rows. With several classes it is that of the predicted class (Guo et
al. 2017, "On calibration of modern neural networks"). Even perfect scores have some such error in a finite sample, so
it is compared with what they would have (Broecker and Smith 2007, "Increasing the reliability of reliability
diagrams"), here in closed form. For numbers, the mean error in standard deviations of the label.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_mlkit.gates.sanity.result import SanityResult
from airflow_mlkit.spec.metrics import ProblemKind
from airflow_mlkit.spec.sanity import CalibrationCheck

SIGMAS = 3.1
"""How many standard errors beyond chance count as evidence: one false alarm in a thousand."""

_MAX_BINS = 15
_ROWS_PER_BIN = 50


def check_calibration(
    check: CalibrationCheck,
    kind: ProblemKind,
    labels: NDArray[Any],
    scores: NDArray[Any],
    *,
    independent_share: float = 1.0,
) -> SanityResult:
    """Whether scores can be taken at their word.

    Args:
        check: with the limit.
        kind: of the problem.
        labels: encoded, shape (n,).
        scores: shape (n,), or (n, k) with a column for each class.
        independent_share: independent rows per row, where several rows belong to one entity.
    """
    limit = check.limit(kind)
    measured, sigmas, reason = 0.0, 0.0, "there are no scores that could be compared with labels"
    usable = np.isfinite(labels) & np.isfinite(scores).reshape(len(labels), -1).all(axis=1)
    if usable.any():
        measured, sigmas, reason = _measure(kind, labels[usable], scores[usable])
    is_off = measured > limit and sigmas * math.sqrt(independent_share) > SIGMAS
    return SanityResult(
        check="calibration",
        passed=not is_off,
        measured=measured if usable.any() else None,
        limit=limit,
        reason=f"{reason}, above {limit:.3g}" if is_off else reason,
    )


def _measure(kind: ProblemKind, labels: NDArray[Any], scores: NDArray[Any]) -> tuple[float, float, str]:
    if kind == "regression":
        bias, sigmas = standardised_bias(labels, scores)
        way = "high" if bias > 0 else "low"
        return abs(bias), sigmas, f"predictions are on average {abs(bias):.3g} standard deviations too {way}"
    if kind == "binary":
        error, sigmas = expected_calibration_error(scores, labels == 1)
        return error, sigmas, f"scores are on average {error:.3g} away from the share that came true"
    predicted = scores.argmax(axis=1)
    error, sigmas = expected_calibration_error(scores[np.arange(len(scores)), predicted], predicted == labels)
    return error, sigmas, f"the score of the predicted class is on average {error:.3g} away from how often it is right"


def expected_calibration_error(scores: NDArray[Any], outcomes: NDArray[np.bool_]) -> tuple[float, float]:
    """The expected calibration error, and by how many standard errors it is above that of perfect scores.

    Args:
        scores: probabilities, shape (n,), n > 0.
        outcomes: whether each came true, shape (n,).

    Returns:
        The error in [0, 1], over at most 15 bins of at least 50 rows. The standard errors hold rows for independent.
    """
    rows = len(scores)
    bins = max(1, min(_MAX_BINS, rows // _ROWS_PER_BIN))
    edges = np.quantile(scores, np.arange(1, bins) / bins)
    code = np.searchsorted(edges, scores, side="left")  # equal scores stay together
    gaps = np.bincount(code, scores.astype(float) - outcomes, minlength=bins)
    error = float(np.abs(gaps).sum() / rows)
    # a score of exactly 0 or 1 would call every surprise impossible: the rule of succession leaves it one row's doubt
    careful = np.clip(scores.astype(float), 1 / (rows + 2), 1 - 1 / (rows + 2))
    deviation = np.sqrt(np.bincount(code, careful * (1 - careful), minlength=bins)) / rows
    # |N(0, s)| has mean s sqrt(2/pi) and variance s**2 (1 - 2/pi)
    by_chance, spread = deviation.sum() * math.sqrt(2 / math.pi), math.sqrt((deviation**2).sum() * (1 - 2 / math.pi))
    return error, float((error - by_chance) / spread)


def standardised_bias(labels: NDArray[Any], predictions: NDArray[Any]) -> tuple[float, float]:
    """The mean error in standard deviations of the label, and by how many standard errors it is away from 0.

    Args:
        labels: numbers, shape (n,).
        predictions: numbers, shape (n,).
    """
    errors = predictions.astype(float) - labels
    spread, noise = float(np.std(labels)), float(np.std(errors)) / math.sqrt(max(len(errors) - 1, 1))
    bias = float(errors.mean())
    if not spread or len(errors) < 3:
        return 0.0, 0.0
    return bias / spread, abs(bias) / noise if noise else math.inf
