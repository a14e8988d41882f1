"""A feature that gives the label away: alone it tells it as well as the whole model, and all but perfectly.

Such a column was usually written down after the label was known, and will be empty when the model is asked. Each
feature is made a model of its own: what the label was on average for each of its values, learned on training rows and
tried on the holdout. It is judged by ROC AUC (two classes), balanced accuracy (more) or Spearman's rank correlation (a
number); so is the model.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from airflow_mlkit.data.leaks import rank
from airflow_mlkit.evaluation.metrics import area_under_roc, cumulative_counts
from airflow_mlkit.gates.numbers import short
from airflow_mlkit.gates.sanity.fine_bins import count_by_class, cut_finely, mean_by_bin
from airflow_mlkit.gates.sanity.result import SanityResult, name_columns
from airflow_mlkit.gates.sanity.split_parts import SplitParts
from airflow_mlkit.spec.metrics import ProblemKind
from airflow_mlkit.spec.sanity import LeakCheck

MIN_ROWS = 200
"""With fewer an honest column may separate the classes by itself, as the length of a petal does with irises."""

MIN_PER_CLASS = 100
"""Of either of two classes: an honest feature with an area of 0.98 is then 1.5 standard errors below the limit (Hanley
and McNeil 1982)."""

AS_GOOD = 0.01
"""A feature is as good as the model that is no more than this behind it."""

_MEASURES: dict[ProblemKind, str] = {
    "binary": "ROC AUC",
    "multiclass": "balanced accuracy",
    "regression": "rank correlation",
}


class _Strength(NamedTuple):
    name: str
    alone: float


def check_leak(check: LeakCheck, kind: ProblemKind, parts: SplitParts, scores: NDArray[Any]) -> SanityResult:
    """Whether some feature gives the label away.

    Args:
        check: with the limit, and the features that may be as good as the model.
        kind: of the problem.
        parts: of the split.
        scores: the model's, on the same holdout rows; shape (n,), or (n, k) with a column for each class.
    """
    limit = check.limit(kind)
    result = partial(SanityResult, check="leak", limit=limit)
    if trouble := _why_not(kind, parts, scores):
        return result(passed=True, reason=trouble)
    model = _judge_model(kind, parts.holdout.labels, scores)
    names = [column.name for column in parts.columns if column.name not in check.ignore]
    found = sorted((_Strength(name, judge_alone(kind, parts, name)) for name in names), key=lambda one: -one.alone)
    leaks = [one for one in found if one.alone > limit and one.alone >= model - AS_GOOD]
    return result(
        passed=not leaks,
        measured=found[0].alone if found else None,
        features=tuple(one.name for one in leaks),
        reason=_tell(_MEASURES[kind], leaks, found, model),
    )


def judge_alone(kind: ProblemKind, parts: SplitParts, name: str) -> float:
    """How well one feature alone tells the label of the holdout, learned on training rows; 1 is perfectly."""
    codes, new_codes, bins = cut_finely(parts.training.features[name], parts.holdout.features[name])
    labels, new_labels = parts.training.labels, parts.holdout.labels
    if kind == "multiclass":
        classes = int(max(labels.max(), new_labels.max())) + 1
        guesses = count_by_class(codes, bins, labels, classes).argmax(axis=1)
        return balanced_accuracy(new_labels, guesses[new_codes])
    learned = mean_by_bin(codes, bins, labels)[new_codes]
    return roc_auc(new_labels, learned) if kind == "binary" else rank_correlation(new_labels, learned)


def _judge_model(kind: ProblemKind, labels: NDArray[Any], scores: NDArray[Any]) -> float:
    if kind == "multiclass":
        return balanced_accuracy(labels, scores.argmax(axis=1))
    return roc_auc(labels, scores) if kind == "binary" else rank_correlation(labels, scores)


def roc_auc(labels: NDArray[Any], scores: NDArray[Any]) -> float:
    """The area under the ROC curve of class 1."""
    return area_under_roc(*cumulative_counts(labels == 1, scores))


def balanced_accuracy(labels: NDArray[Any], guesses: NDArray[Any]) -> float:
    """The mean recall of the classes that are there."""
    return float(np.mean([(guesses[labels == each] == each).mean() for each in np.unique(labels)]))


def rank_correlation(labels: NDArray[Any], predictions: NDArray[Any]) -> float:
    """Spearman's rank correlation; 0 where either does not vary."""
    left, right = rank(labels), rank(predictions)
    if not left.std() or not right.std():
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])


def _why_not(kind: ProblemKind, parts: SplitParts, scores: NDArray[Any]) -> str | None:
    """Why no feature can be called a leak; None where one can."""
    if len(parts.columns) < 2:
        return "with a single feature, the model is that feature"
    if not np.isfinite(scores).all():
        return "without finite scores of the model there is nothing to compare features with"
    share, labels = parts.independent_share, parts.holdout.labels
    if min(len(parts.training), len(labels)) * share < MIN_ROWS:
        return f"with fewer than {MIN_ROWS} independent rows an honest feature may be perfect by chance"
    if kind == "binary" and np.bincount(labels == 1, minlength=2).min() * share < MIN_PER_CLASS:
        return f"with fewer than {MIN_PER_CLASS} holdout rows of a class an honest feature may be perfect by chance"
    if kind == "multiclass" and len(np.unique(labels)) < 2:
        return "with one class in the holdout there is nothing to tell"
    return None


def _tell(measure: str, leaks: list[_Strength], found: list[_Strength], model: float) -> str:
    if leaks:
        told = f"{measure} {short(leaks[0].alone)}, the model {short(model)}"
        names = name_columns([one.name for one in leaks])
        return f"the label can be told from {names} alone ({told}), as if it was written down after the label"
    if not found:
        return "there is no feature to look at"
    best = f"{found[0].name!r} comes closest, {measure} {short(found[0].alone, 3)}, the model {short(model, 3)}"
    return f"no feature alone gives the label away: {best}"
