"""What a profile recommends for the keys of mlkit.yaml that nobody is asked about."""

from __future__ import annotations

import math

from airflow_mlkit.data.profile import DataProfile
from airflow_mlkit.spec.metrics import ProblemKind

LARGE_ROWS = 2_000_000
"""From how many rows by hundred features the size is the large one."""

MAIN_METRIC: dict[ProblemKind, str] = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}
"""By which a challenger is compared with the champion: it sees small differences and seldom ties."""


def min_examples(profile: DataProfile) -> int:
    """Half of the rows there are to train on, and never more than 500."""
    return max(10, min(500, int(profile.rows * (1 - profile.holdout.share) / 2)))


def min_holdout_rows(profile: DataProfile) -> int:
    """Half of the rows that are held out now, and never more than 500."""
    return max(5, min(500, int(profile.rows * profile.holdout.share / 2)))


def size(profile: DataProfile, *, gpu: bool) -> str:
    """The size to train on."""
    if gpu:
        return "gpu"
    return "cpu-large" if profile.rows * len(profile.features) > LARGE_ROWS * 100 else "cpu-small"


def absolute_gate(profile: DataProfile) -> tuple[dict[str, object], str]:
    """The gate that a model must pass which has learnt anything at all, and why it stands where it stands."""
    if profile.label.kind == "binary":
        return {"metric": "roc_auc", "at_least": 0.55}, "a coin toss has 0.5"
    if profile.label.kind == "multiclass":
        share = math.ceil(profile.label.majority_share * 100) / 100
        return {"metric": "accuracy", "at_least": min(share, 0.99)}, "the share of the most frequent class"
    return {"metric": "r2", "at_least": 0.0}, "always saying the mean has 0"
