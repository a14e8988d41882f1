"""`gate_report.json`: what was decided about a challenger, against which champion, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from airflow_mlkit.gates.decision import Decision
from airflow_mlkit.rundir.records import Record
from airflow_mlkit.spec.pipeline import ChampionGate, Gate, MetricGate, RowsGate


class ChallengerSummary(Record):
    """The model that wants to become the champion."""

    model_id: str
    run_id: str
    as_of: datetime | None = None


class ChampionSummary(Record):
    """The champion that the challenger was compared with: the entry `n` of the champion log."""

    n: int
    model_name: str
    model_version: str
    model_id: str
    as_of: datetime | None = None


class HoldoutSummary(Record):
    """The rows that both were scored on. `positives` is None unless the problem is binary."""

    rows: int
    hash: str
    positives: int | None = None


class Interval(Record):
    """A confidence interval of the difference; positive means that the challenger is better."""

    low: FiniteFloat
    high: FiniteFloat


class MetricPair(Record):
    """One metric of both models on the same rows; None where it is undefined or there is no champion."""

    challenger: FiniteFloat | None = None
    champion: FiniteFloat | None = None


class GateResult(Record):
    """One gate of mlkit.yaml with what it found.

    `limit` is the number that `challenger` had to reach or not to exceed; of a champion gate the champion's value. The
    fields from `estimate` on belong to the statistics of a paired comparison; they are None where points are compared.
    """

    gate: Gate
    kind: Literal["absolute", "champion", "rows"]
    metric: str | None = None
    passed: bool
    challenger: FiniteFloat | None = None
    champion: FiniteFloat | None = None
    limit: FiniteFloat | None = None
    reason: str
    estimate: FiniteFloat | None = None
    interval: Interval | None = None
    confidence: FiniteFloat | None = None
    margin: FiniteFloat | None = None
    method: str | None = None

    @property
    def title(self) -> str:
        """The gate in a few words, such as `roc_auc at least 0.9`."""
        return describe_gate(self.gate)


class GateReport(Record):
    """What the step `gate` found. `reason` is one sentence for people.

    `concerns` are reasons to hold back that belong to no single gate, such as a challenger that is the champion itself.
    `metrics` holds every metric of the problem for both models, whether or not a gate names it. `anchor` is the entry
    against which slow decline was measured; where `moves_anchor` the challenger was proven better than it, and becomes
    the anchor if it is promoted.
    """

    decision: Decision
    reason: str
    challenger: ChallengerSummary
    champion: ChampionSummary | None = None
    anchor: ChampionSummary | None = None
    moves_anchor: bool = False
    holdout: HoldoutSummary
    results: Annotated[tuple[GateResult, ...], Field(default_factory=tuple)]
    concerns: tuple[str, ...] = ()
    metrics: dict[str, MetricPair] = Field(default_factory=dict)

    @property
    def is_promotion(self) -> bool:
        """Whether the challenger may become the champion."""
        return self.decision is Decision.PROMOTE

    @property
    def failed(self) -> tuple[GateResult, ...]:
        """The gates that were not passed."""
        return tuple(result for result in self.results if not result.passed)


def describe_gate(gate: Gate) -> str:
    """A gate in a few words, such as `roc_auc at least 0.9`."""
    match gate:
        case RowsGate():
            return f"holdout rows at least {gate.at_least:,}"
        case ChampionGate():
            return f"{gate.metric} better than the champion's"
        case MetricGate():
            limits = (("at least", gate.at_least), ("at most", gate.at_most))
            return f"{gate.metric} " + " and ".join(f"{word} {limit:g}" for word, limit in limits if limit is not None)
