"""Holdout rows that are spread otherwise than the rows that a model was trained on.

What moves with the calendar (a month, a counter, a trend) has moved by the end of training already. So a column may
move as much as the limit says, or four times what it moved between training and its validation part, whichever is more:
the index grows with the square of the distance, and four times is twice as far.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from airflow_mlkit.gates.numbers import short
from airflow_mlkit.gates.sanity.population_stability import Binning, population_stability_index, reach_of_chance
from airflow_mlkit.gates.sanity.result import CHANCE, SanityResult, name_columns
from airflow_mlkit.gates.sanity.split_parts import SplitParts
from airflow_mlkit.spec.sanity import FeatureDriftCheck, LabelDriftCheck

ALLOWED_BEYOND_VALIDATION = 4.0
"""Twice as far from training as validation is, squared."""


class Drift(NamedTuple):
    """How far a column of the holdout is from training, and how far it may be."""

    distance: float
    allowed: float

    @property
    def is_too_far(self) -> bool:
        """Whether the column moved further than it may."""
        return self.distance > self.allowed


def check_label_drift(check: LabelDriftCheck, parts: SplitParts, *, is_number: bool) -> SanityResult:
    """Whether the label is spread in the holdout about as it was in training.

    Args:
        check: with the limit.
        parts: of the split.
        is_number: whether the label is a number, not a class.
    """
    labels = [part.labels for part in (parts.training, parts.validation, parts.holdout)]
    training, validation, holdout = (values.astype(np.float64 if is_number else np.int64) for values in labels)
    drift = measure_drift(training, validation, holdout, limit=check.at_most, share=parts.independent_share)
    found = f"population stability index {short(drift.distance, 2)}"
    return SanityResult(
        check="label_drift",
        passed=not drift.is_too_far,
        measured=drift.distance,
        limit=check.at_most,
        reason=(
            f"the label of the holdout is spread otherwise than in training: {found}, above {short(drift.allowed, 2)}"
            if drift.is_too_far
            else f"the label of the holdout is like that of training: {found}"
        ),
    )


def check_feature_drift(check: FeatureDriftCheck, parts: SplitParts) -> SanityResult:
    """Whether each feature is spread in the holdout about as it was in training.

    Args:
        check: with the limit, and the features that may move.
        parts: of the split.
    """
    names = [column.name for column in parts.columns if column.name not in check.ignore]
    drifts = {
        name: measure_drift(
            *(part.features[name] for part in (parts.training, parts.validation, parts.holdout)),
            limit=check.at_most,
            share=parts.independent_share,
            tests=len(names),
        )
        for name in names
    }
    moved = sorted((name for name in names if drifts[name].is_too_far), key=lambda name: -drifts[name].distance)
    furthest = moved[0] if moved else max(drifts, key=lambda name: drifts[name].distance, default=None)
    return SanityResult(
        check="feature_drift",
        passed=not moved,
        measured=drifts[furthest].distance if furthest else None,
        limit=check.at_most,
        features=tuple(moved),
        reason=_tell(moved, furthest, drifts),
    )


def measure_drift(
    training: NDArray[Any],
    validation: NDArray[Any],
    holdout: NDArray[Any],
    *,
    limit: float,
    share: float = 1.0,
    tests: int = 1,
) -> Drift:
    """The population stability index of one column of the holdout against training, and what is allowed.

    A column with one value in all training rows is passed over: a model has learned nothing from it.

    Args:
        training: numbers with NaN where they are missing, or codes with -1; so are the others.
        validation: may be empty.
        holdout: the rows that are judged.
        limit: of the index.
        share: independent rows per row of the holdout.
        tests: how many columns are looked at together (Bonferroni).
    """
    binning = Binning(training, min(len(training), len(holdout)))
    expected, actual = binning.count(training), binning.count(holdout)
    if (expected > 0).sum() < 2:
        return Drift(0.0, limit)
    before = population_stability_index(expected, binning.count(validation))
    bins = int(((expected > 0) | (actual > 0)).sum())
    chance = reach_of_chance(bins, len(training) * share, len(holdout) * share, CHANCE / max(tests, 1))
    allowed = max(limit, chance, ALLOWED_BEYOND_VALIDATION * before)
    return Drift(population_stability_index(expected, actual), allowed)


def _tell(moved: list[str], furthest: str | None, drifts: dict[str, Drift]) -> str:
    if furthest is None:
        return "there is no feature to look at"
    distance, allowed = drifts[furthest]
    if not moved:
        most = f"{furthest!r} moved most, index {short(distance, 2)}"
        return f"the features of the holdout are like those of training: {most}"
    return (
        f"the holdout is unlike the rows that the model was trained on in {name_columns(moved)}: population stability "
        f"index of {furthest!r} {short(distance, 3)}, above {short(allowed, 3)}"
    )
