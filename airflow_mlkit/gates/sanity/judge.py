"""All sanity checks of a project, in one go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from airflow_mlkit.gates.sanity.calibration import check_calibration
from airflow_mlkit.gates.sanity.distinct_scores import check_distinct_scores
from airflow_mlkit.gates.sanity.drift import check_feature_drift, check_label_drift
from airflow_mlkit.gates.sanity.feature_presence import check_feature_presence
from airflow_mlkit.gates.sanity.leak import check_leak
from airflow_mlkit.gates.sanity.result import SanityResult
from airflow_mlkit.gates.sanity.row_count import check_row_count
from airflow_mlkit.gates.sanity.split_parts import SplitParts
from airflow_mlkit.spec.metrics import ProblemKind
from airflow_mlkit.spec.sanity import OFF, SanitySpec


@dataclass(frozen=True)
class Scored:
    """A challenger's scores on the whole holdout, and what it was trained on.

    Attributes:
        labels: encoded, shape (n,).
        scores: shape (n,), or (n, k) with a column for each class.
        parts: of the split; large ones may be a sample of their rows.
        scores_of_parts: the scores of the rows of `parts.holdout`.
        rows: that it was trained and validated on.
        champion_rows: that the champion was; None where there is none, or it does not tell.
        quantile: which one a regression predicts; None where it predicts the mean.
    """

    kind: ProblemKind
    labels: NDArray[Any]
    scores: NDArray[Any]
    parts: SplitParts
    scores_of_parts: NDArray[Any]
    rows: int
    champion_rows: int | None
    quantile: float | None = None


def judge_sanity(spec: SanitySpec, scored: Scored) -> tuple[SanityResult, ...]:
    """What each check that is not switched off finds. An empty holdout is left to the gates."""
    return tuple(_judge(spec, scored)) if len(scored.labels) else ()


def _judge(spec: SanitySpec, scored: Scored) -> Iterator[SanityResult]:
    kind, parts = scored.kind, scored.parts
    if spec.distinct_scores != OFF:
        yield check_distinct_scores(spec.distinct_scores, scored.scores)
    if spec.calibration != OFF:
        yield check_calibration(
            spec.calibration,
            kind,
            scored.labels,
            scored.scores,
            quantile=scored.quantile,
            independent_share=parts.independent_share,
        )
    if spec.label_drift != OFF:
        yield check_label_drift(spec.label_drift, parts, is_number=kind == "regression")
    if spec.feature_drift != OFF:
        yield check_feature_drift(spec.feature_drift, parts)
    if spec.feature_presence != OFF:
        yield check_feature_presence(spec.feature_presence, parts)
    if spec.leak != OFF:
        yield check_leak(spec.leak, kind, parts, scored.scores_of_parts)
    if spec.row_count != OFF:
        yield check_row_count(spec.row_count, scored.rows, scored.champion_rows)
