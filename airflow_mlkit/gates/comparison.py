"""What one paired comparison of two models found."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import Field, FiniteFloat

from airflow_mlkit.gates.decision import Decision
from airflow_mlkit.rundir.records import Record


class Interval(NamedTuple):
    """A confidence interval of the difference; positive means that the challenger is better."""

    low: FiniteFloat
    high: FiniteFloat


class AnchorComparison(Record):
    """The challenger beside the anchor: the last champion that was proven better than the anchor before it."""

    anchor: FiniteFloat = Field(description="The anchor's value.")
    estimate: FiniteFloat
    interval: Interval
    lower_bound: FiniteFloat
    confidence: FiniteFloat = Field(
        description="Of the interval and the bound: higher with each champion since the anchor."
    )


class SliceComparison(Record):
    """The challenger beside the champion on the rows of one slice.

    Attributes:
        column: whose value, or range, the slice is; `name` which one.
        worse: whether the challenger is worse there by more than the margin, and not by chance.
        interval: two-sided; its upper end is the one-sided bound that decides. None where nothing can be decided, as
            with too few rows; `reason` says why.
        reason: in a sentence without a full stop.
    """

    column: str
    name: str
    rows: int
    worse: bool
    champion: FiniteFloat | None = None
    challenger: FiniteFloat | None = None
    estimate: FiniteFloat | None = None
    interval: Interval | None = None
    reason: str


class Comparison(Record):
    """A challenger beside the champion on the same rows; differences are positive where the challenger is better.

    Attributes:
        decision: promote, hold_back or undecided; `reason` says why in a sentence without a full stop.
        champion: the champion's value of the metric, `challenger` the challenger's; None where there is none.
        estimate: of the difference.
        interval: two-sided, at `confidence`.
        lower_bound: one-sided, at `confidence`: what the decision hangs on.
        margin: how much worse the challenger may be at worst, in the metric's own unit.
        method: by whose formula the interval was made.
        rows: that were compared; `positives` of a binary problem, `entities` where rows belong to some.
        more_rows: how many further rows like these would decide what is undecided; None where nobody can tell.
        against_anchor: None where the champion is the anchor.
        moves_anchor: whether the challenger was proven better than the anchor.
        slices: the same for each declared slice; where one is worse the challenger is held back.
        slice_confidence: with which a slice must be worse, corrected for the number of those that can be compared.
    """

    metric: str
    decision: Decision
    reason: str
    confidence: FiniteFloat
    margin: FiniteFloat | None = None
    champion: FiniteFloat | None = None
    challenger: FiniteFloat | None = None
    estimate: FiniteFloat | None = None
    interval: Interval | None = None
    lower_bound: FiniteFloat | None = None
    method: str | None = None
    rows: int
    positives: int | None = None
    entities: int | None = None
    more_rows: int | None = None
    against_anchor: AnchorComparison | None = None
    moves_anchor: bool = False
    slices: tuple[SliceComparison, ...] = ()
    slice_confidence: FiniteFloat | None = None
