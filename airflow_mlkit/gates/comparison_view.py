"""A comparison as people read it: in words, and as a drawing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from airflow_mlkit.gates.comparison import Comparison, Interval, SliceComparison
from airflow_mlkit.gates.difference import count_decimals, tell_between, tell_bound, tell_difference, tell_interval
from airflow_mlkit.gates.forest import ForestRow, draw_forest
from airflow_mlkit.gates.numbers import sure
from airflow_mlkit.spec.metrics import rule_of


@dataclass(frozen=True)
class WholeView:
    """The challenger beside one other model on all rows.

    Attributes:
        opponent: the champion or the anchor.
        estimate: such as `0.0116 better`.
        between: where the truth may lie, with its confidence.
        decides: the one-sided bound beside the margin.
        passed: whether it may be promoted as far as this goes.
    """

    opponent: str
    estimate: str
    between: str
    decides: str
    passed: bool


@dataclass(frozen=True)
class SliceView:
    """The challenger beside the champion in one slice; the words are None where the slice decides nothing."""

    found: SliceComparison
    estimate: str | None = None
    interval: str | None = None


@dataclass(frozen=True)
class ComparisonView:
    """What the page shows of a comparison that has an interval."""

    found: Comparison
    direction: str
    wholes: tuple[WholeView, ...]
    slices: tuple[SliceView, ...]
    forest: str


def view_comparison(comparison: Comparison) -> ComparisonView | None:
    """A comparison in words and as a drawing; None where nothing was measured, as with too few rows."""
    if comparison.interval is None:
        return None
    decimals = count_decimals(comparison.interval)
    wholes = list(_list_wholes(comparison))
    return ComparisonView(
        comparison,
        "higher" if rule_of(comparison.metric).higher_is_better else "lower",
        tuple(_view_whole(whole, decimals) for whole in wholes),
        tuple(_view_slice(part, decimals) for part in comparison.slices),
        _draw(comparison, wholes, decimals),
    )


class _Whole(NamedTuple):
    """The challenger beside one other model on all rows, in numbers."""

    opponent: str
    estimate: float
    interval: Interval
    bound: float
    confidence: float
    margin: float

    @property
    def keeps_champion(self) -> bool:
        """Whether the challenger is not even better; the anchor it need not beat."""
        return self.opponent == "champion" and self.estimate <= 0

    @property
    def passed(self) -> bool:
        return not self.keeps_champion and self.bound > -self.margin


def _list_wholes(comparison: Comparison) -> Iterator[_Whole]:
    """Against the champion, and against the anchor where that is another model."""
    estimate, interval, bound = comparison.estimate, comparison.interval, comparison.lower_bound
    assert estimate is not None
    assert interval is not None
    assert bound is not None
    margin = comparison.margin or 0.0
    yield _Whole("champion", estimate, interval, bound, comparison.confidence, margin)
    if anchor := comparison.against_anchor:
        yield _Whole("anchor", anchor.estimate, anchor.interval, anchor.lower_bound, anchor.confidence, margin)


def _view_whole(whole: _Whole, decimals: int) -> WholeView:
    return WholeView(
        whole.opponent,
        tell_difference(whole.estimate, decimals),
        f"{sure(whole.confidence)}: {tell_between(whole.interval, decimals)}",
        "not better, so the champion stays" if whole.keeps_champion else tell_bound(whole.bound, whole.margin),
        whole.passed,
    )


def _view_slice(part: SliceComparison, decimals: int) -> SliceView:
    if part.estimate is None or part.interval is None:
        return SliceView(part)
    return SliceView(part, tell_difference(part.estimate, decimals), tell_interval(part.interval, decimals))


def _draw(comparison: Comparison, wholes: Iterable[_Whole], decimals: int) -> str:
    def tell(estimate: float, interval: Interval) -> str:
        return f"{tell_difference(estimate, decimals)}, {tell_between(interval, decimals)}"

    rows = [
        ForestRow(
            f"against the {each.opponent}",
            each.estimate,
            each.interval,
            tell(each.estimate, each.interval),
            each.passed,
            each.bound,
            whole=True,
        )
        for each in wholes
    ]
    rows += [
        ForestRow(
            f"{part.column}: {part.name}",
            part.estimate,
            part.interval,
            tell(part.estimate, part.interval),
            not part.worse,
        )
        for part in comparison.slices
        if part.estimate is not None and part.interval is not None
    ]
    return draw_forest(rows, comparison.margin or 0.0, f"difference of {comparison.metric}")
