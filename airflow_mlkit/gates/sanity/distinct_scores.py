"""Scores that do not depend on the row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from airflow_mlkit.gates.sanity.result import SanityResult
from airflow_mlkit.spec.sanity import DistinctScoresCheck

MIN_ROWS = 30
"""In fewer rows a sound tree may meet one of its leaves only."""


def check_distinct_scores(check: DistinctScoresCheck, scores: NDArray[Any]) -> SanityResult:
    """Whether a model tells rows apart at all.

    Args:
        check: with the fewest different scores.
        scores: shape (n,), or (n, k) with a column for each class; of several columns the most varied one counts.
    """
    bad = int((~np.isfinite(scores)).reshape(len(scores), -1).any(axis=1).sum())
    columns = [scores] if scores.ndim == 1 else list(scores.T)
    distinct = max((len(np.unique(column)) for column in columns), default=0)
    passed = not bad and (distinct >= check.at_least or len(scores) < max(check.at_least, MIN_ROWS))
    return SanityResult(
        check="distinct_scores",
        passed=passed,
        measured=distinct,
        limit=check.at_least,
        reason=_tell(check, distinct, bad, len(scores)),
    )


def _tell(check: DistinctScoresCheck, distinct: int, bad: int, rows: int) -> str:
    if bad:
        return f"the model gives no finite score for {bad:,} of {rows:,} holdout rows"
    if distinct < check.at_least and rows < max(check.at_least, MIN_ROWS):
        return f"a holdout of {rows:,} rows cannot show whether the scores differ"
    if distinct == 1:
        return f"the model gives all {rows:,} holdout rows the same score: it has learned nothing"
    if distinct < check.at_least:
        return f"the model gives only {distinct:,} different scores, fewer than {check.at_least:,}"
    return f"the model tells rows apart: {distinct:,} different scores"
