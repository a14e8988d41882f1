"""Features that have gone missing, or have turned up, between training and holdout.

Text that training has not met counts as missing: that is how the model sees it. What was so in the validation part
already is no news, for the model was stopped by such rows.
"""

from __future__ import annotations

import math

from scipy.special import bdtr

from airflow_mlkit.gates.sanity.result import CHANCE, SanityResult, name_columns
from airflow_mlkit.gates.sanity.split_parts import Part, SplitParts, missing
from airflow_mlkit.spec.sanity import FeaturePresenceCheck


def check_feature_presence(check: FeaturePresenceCheck, parts: SplitParts) -> SanityResult:
    """Whether each feature has values in the holdout as it had in training.

    Args:
        check: with the smallest ratio of the two shares, and the features that may come and go.
        parts: of the split.
    """
    names = [column.name for column in parts.columns if column.name not in check.ignore]
    ratios, gone, new = {}, [], []
    for name in names:
        training, validation, holdout = (
            share_present(part, name) for part in (parts.training, parts.validation, parts.holdout)
        )
        before = [share for share in (training, validation) if share is not None]
        if holdout is None or not before:
            continue
        ratios[name] = _ratio(training or 0.0, holdout)
        if all(_is_far_below(holdout, share, parts, check.at_least, len(names)) for share in before):
            gone.append(name)
        elif all(_is_far_below(share, holdout, parts, check.at_least, len(names)) for share in before):
            new.append(name)
    return SanityResult(
        check="feature_presence",
        passed=not gone and not new,
        measured=min(ratios.values(), default=None),
        limit=check.at_least,
        features=(*gone, *new),
        reason=_tell(gone, new),
    )


def share_present(part: Part, name: str) -> float | None:
    """The share of rows in which a feature has a value; None without rows."""
    return 1 - float(missing(part.features[name]).mean()) if len(part) else None


def _ratio(one: float, other: float) -> float:
    """The smaller share beside the larger; 1 where both are nothing."""
    return min(one, other) / max(one, other) if max(one, other) else 1.0


def _is_far_below(small: float, large: float, parts: SplitParts, at_least: float, tests: int) -> bool:
    """Whether one share is below the limit beside the other, and so few values are no chance (binomial test)."""
    rows = max(1, math.floor(len(parts.holdout) * parts.independent_share))
    # a column that never lacked a value may lack one: the rule of succession leaves it one row's doubt
    by_chance = float(bdtr(math.floor(small * rows), rows, min(large, 1 - 1 / (rows + 2))))
    return small < at_least * large and by_chance < CHANCE / max(tests, 1)


def _tell(gone: list[str], new: list[str]) -> str:
    reasons = []
    if gone:
        reasons.append(f"nearly all holdout rows lack {name_columns(gone)}, which the training rows had")
    if new:
        reasons.append(f"nearly all training rows lacked {name_columns(new)}, which the holdout rows have")
    return " and ".join(reasons) or "no feature has gone missing between training and holdout"
