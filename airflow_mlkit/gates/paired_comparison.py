"""Whether a challenger may replace the champion, decided by one paired comparison on the same holdout rows.

The rule, its reasons and what it was measured to do stand in docs/explanation/promotion.md; benchmarks/promotion.py
measures it again.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from airflow_mlkit.evaluation.metrics import UndefinedMetricError
from airflow_mlkit.gates.compared_rows import ComparedRows, Trouble
from airflow_mlkit.gates.comparison import AnchorComparison, Comparison, Interval
from airflow_mlkit.gates.decision import Decision
from airflow_mlkit.gates.linear import Linear, linearize
from airflow_mlkit.gates.numbers import count, distinct, short, sure
from airflow_mlkit.gates.paired import Difference, Sample
from airflow_mlkit.spec.metrics import rule_of

CONFIDENCE = 0.99
ABSOLUTE_MARGIN, RELATIVE_MARGIN = 0.01, 0.02

_METHODS = {
    "roc_auc": "DeLong et al. 1988",
    "accuracy": "Bonett & Price 2012",
    "rmse": "delta method",
    **dict.fromkeys(("log_loss", "brier_score", "value", "mae", "mape", "quantile_loss"), "paired t"),
}


def compare(
    labels: ArrayLike,
    champion_scores: ArrayLike,
    challenger_scores: ArrayLike,
    *,
    metric: str,
    margin: float | None = None,
    confidence: float = CONFIDENCE,
    groups: Any = None,
    weights: ArrayLike | None = None,
    anchor_scores: ArrayLike | None = None,
    since_anchor: int = 1,
    threshold: float = 0.5,
    quantile: float = 0.5,
    gains: ArrayLike | None = None,
    champion_name: str = "the champion",
) -> Comparison:
    """Compare a challenger with the champion on the rows of a holdout. Everything goes by position.

    It is promoted when it is better on the estimate, when the one-sided lower bound of the paired difference lies above
    `-margin`, and when the same bound against the anchor does. Rows that cannot be compared (no numbers, too few, one
    class) are never promoted and no exception. The same input gives the same answer: nothing is drawn at random.

    Args:
        labels: binary 0 and 1, multiclass the position of the class, regression the number; shape (n,).
        champion_scores: binary the probability of 1, regression the prediction, shape (n,); multiclass (n, k).
        challenger_scores: likewise.
        metric: a name of `airflow_mlkit.spec.metrics`.
        margin: how much worse than the champion the challenger may be at worst, in the metric's own unit. By default
            0.01; for losses, errors and `value` 2 % of the champion's.
        confidence: of the one-sided bounds, above 0.5 and below 1.
        groups: the entity of each row, shape (n,), or (n, k) where several columns name it; where one has several
            rows, those are not independent.
        weights: of the rows, shape (n,), not negative.
        anchor_scores: of the last champion that was proven better than the one before; the champion's by default.
        since_anchor: how many champions have followed the anchor, the one to beat among them. Each was a chance to
            slip by luck, so that the bound against the anchor is asked with more confidence (Bonferroni).
        threshold: from which score on a binary row counts as positive.
        quantile: the level of `quantile_loss`, above 0 and below 1.
        gains: for `value`, what it is worth to answer with each class: for each true class, shape (k, k), or for each
            row, shape (n, k).
        champion_name: for the reason.

    Raises:
        ValueError: when lengths or shapes differ, or the metric, the margin, the confidence or the quantile is none.
    """
    request = Request(metric, margin, confidence, champion_name, since_anchor)
    request.check()
    if not 0 < quantile < 1:
        raise ValueError(f"quantile {quantile} is not between 0 and 1")
    scores = {"champion": champion_scores, "challenger": challenger_scores}
    if anchor_scores is not None:
        scores["anchor"] = anchor_scores
    rows = ComparedRows.read(
        labels, scores, weights=weights, groups=groups, threshold=threshold, quantile=quantile, gains=gains
    )
    return compare_whole(request, rows)


class Request(NamedTuple):
    """What is asked of a comparison; see `compare`."""

    metric: str
    margin: float | None = None
    confidence: float = CONFIDENCE
    champion_name: str = "the champion"
    since_anchor: int = 1

    def check(self) -> None:
        """Refuse what makes no sense.

        Raises:
            ValueError: says what.
        """
        rule_of(self.metric)
        if self.margin is not None and not (_is_number(self.margin) and self.margin >= 0):
            raise ValueError(f"margin {self.margin!r} is not a finite number from 0 up")
        if not (_is_number(self.confidence) and 0.5 < self.confidence < 1):
            raise ValueError(f"confidence {self.confidence!r} is not between 0.5 and 1")

    @property
    def anchor_confidence(self) -> float:
        """Of the bound against the anchor."""
        return correct_for_looks(self.confidence, self.since_anchor + 1)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and math.isfinite(value)


def compare_whole(request: Request, rows: ComparedRows) -> Comparison:
    """Compare on a whole holdout, where a model that tells no rows apart is a broken one."""
    constant = rows.find_constant()
    return _leave_open(request, rows, constant) if constant else compare_part(request, rows)


def compare_part(request: Request, rows: ComparedRows) -> Comparison:
    """Compare on rows among which a model may well give all the same score."""
    if trouble := rows.find_trouble(request.metric):
        return _leave_open(request, rows, trouble)
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            differences = _subtract(rows, request.metric)
    except UndefinedMetricError as why:
        return _leave_open(request, rows, Trouble(Decision.UNDECIDED, str(why)))
    if not all(each.is_finite for each in differences if each):
        return _leave_open(request, rows, Trouble(Decision.UNDECIDED, "scores or labels are too large to reckon with"))
    return _conclude(request, rows, *differences)


def default_margin(metric: str, champion: float) -> float:
    """How much worse a challenger may be at worst where nobody said it, in the metric's own unit."""
    is_relative = metric == "value" or not rule_of(metric).higher_is_better
    return RELATIVE_MARGIN * abs(champion) if is_relative else ABSOLUTE_MARGIN


def correct_for_looks(confidence: float, looks: int) -> float:
    """The confidence of each of several looks at one holdout, so that all keep what was asked of one (Bonferroni)."""
    return 1 - (1 - confidence) / max(looks, 1)


def _subtract(rows: ComparedRows, metric: str) -> tuple[Difference, Difference | None]:
    """The challenger against the champion, and against the anchor where that is another model."""
    sample, challenger = rows.sample(metric), linearize(metric, rows.of("challenger", metric))
    against_champion = _pair(sample, metric, linearize(metric, rows.of("champion", metric)), challenger)
    if "anchor" not in rows.scores:
        return against_champion, None
    return against_champion, _pair(sample, metric, linearize(metric, rows.of("anchor", metric)), challenger)


def _pair(sample: Sample, metric: str, other: Linear, challenger: Linear) -> Difference:
    if metric == "accuracy":
        return sample.subtract_hits(other, challenger)
    rule = rule_of(metric)
    has_tails = metric == "value" or "regression" in rule.kinds
    return sample.subtract(other, challenger, higher_is_better=rule.higher_is_better, has_tails=has_tails)


def _leave_open(request: Request, rows: ComparedRows, trouble: Trouble) -> Comparison:
    return Comparison(
        metric=request.metric,
        decision=trouble.decision,
        reason=f"{request.metric} cannot be compared with {request.champion_name}: {trouble.why}",
        confidence=request.confidence,
        margin=request.margin,
        rows=rows.rows,
        entities=rows.entity_count,
        more_rows=trouble.more_rows,
    )


def _conclude(
    request: Request, rows: ComparedRows, difference: Difference, against_anchor: Difference | None
) -> Comparison:
    metric, confidence = request.metric, request.confidence
    margin = default_margin(metric, difference.champion) if request.margin is None else request.margin
    decision, reason = _decide(request, margin, difference, against_anchor)
    more_rows = _count_more_rows(rows.rows, margin, confidence, difference) if decision is Decision.UNDECIDED else None
    if more_rows is not None:
        reason += f"; about {count(more_rows, 'more row')} like these would decide it"
    return Comparison(
        metric=metric,
        decision=decision,
        reason=reason,
        confidence=confidence,
        margin=margin,
        champion=difference.champion,
        challenger=difference.challenger,
        estimate=difference.estimate,
        interval=Interval(*difference.interval(confidence)),
        lower_bound=difference.lower_bound(confidence),
        method=_name_method(metric, rows),
        rows=rows.rows,
        positives=rows.positives(metric),
        entities=rows.entity_count,
        more_rows=more_rows,
        against_anchor=_describe_anchor(against_anchor, request.anchor_confidence),
        moves_anchor=_is_proven(request, difference, against_anchor),
    )


def _is_proven(request: Request, difference: Difference, against_anchor: Difference | None) -> bool:
    if against_anchor is None:
        return difference.lower_bound(request.confidence) > 0
    return against_anchor.lower_bound(request.anchor_confidence) > 0


def _decide(
    request: Request, margin: float, difference: Difference, against_anchor: Difference | None
) -> tuple[Decision, str]:
    metric, confidence, name = request.metric, request.confidence, request.champion_name
    if difference.estimate <= 0:
        return Decision.HOLD_BACK, _tell_not_better(metric, name, difference)
    mine, other = distinct(difference.challenger, difference.champion)
    better = f"{metric} {mine} is better than {other} of {name}"
    if against_anchor and (slipped := against_anchor.lower_bound(request.anchor_confidence)) <= -margin:
        worse, allowed = distinct(-slipped, margin)
        return Decision.HOLD_BACK, (
            f"{better}, but it may be {worse} worse than {short(against_anchor.champion)} of the anchor "
            f"({sure(request.anchor_confidence)}), and the margin is {allowed}: champions must not decline step by step"
        )
    bound = difference.lower_bound(confidence)
    if bound <= -margin:
        worse, allowed = distinct(-bound, margin)
        return Decision.UNDECIDED, (
            f"{better}, but by chance it may be {worse} worse ({sure(confidence)}), and the margin is {allowed}"
        )
    worst = f"at worst {short(-bound)} worse" if bound < 0 else f"by at least {distinct(bound, 0)[0]}"
    return Decision.PROMOTE, f"{better}, {worst} ({sure(confidence)})"


def _tell_not_better(metric: str, name: str, difference: Difference) -> str:
    if difference.estimate == 0:
        return f"{metric} {short(difference.challenger)} is equal to that of {name}; a tie keeps the champion"
    mine, other = distinct(difference.challenger, difference.champion)
    return f"{metric} {mine} is worse than {other} of {name}"


def _count_more_rows(rows: int, margin: float, confidence: float, difference: Difference) -> int | None:
    """Until an equal model's bound reaches the margin; without a margin, until this difference's bound reaches 0."""
    aim = margin or difference.estimate
    wanted = rows * (difference.reach(confidence) / aim) ** 2
    return max(1, math.ceil(wanted - rows)) if math.isfinite(wanted) else None


def _name_method(metric: str, rows: ComparedRows) -> str:
    if metric == "roc_auc" and rows.entities is not None:
        return "Obuchowski 1997"
    name = _METHODS.get(metric, "infinitesimal jackknife")
    return name if rows.entities is None else f"{name}, by entity"


def _describe_anchor(difference: Difference | None, confidence: float) -> AnchorComparison | None:
    if difference is None:
        return None
    return AnchorComparison(
        anchor=difference.champion,
        estimate=difference.estimate,
        interval=Interval(*difference.interval(confidence)),
        lower_bound=difference.lower_bound(confidence),
        confidence=confidence,
    )
