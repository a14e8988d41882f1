"""`gate_report.json`: what was decided about a challenger, against which champion, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat

from airflow_mlkit.gates.comparison import Comparison
from airflow_mlkit.gates.decision import Decision
from airflow_mlkit.gates.numbers import exact
from airflow_mlkit.gates.sanity.result import SanityResult
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
    """The rows that both were scored on. `positives` is None unless the problem is binary.

    `looks` is how many models have asked this holdout whether they may replace a champion, this one among them.
    """

    rows: int
    hash: str
    positives: int | None = None
    looks: int = 1


class MetricPair(Record):
    """One metric of both models on the same rows; None where it is undefined or there is no champion."""

    challenger: FiniteFloat | None = None
    champion: FiniteFloat | None = None


class GateResult(Record):
    """One gate of mlkit.yaml with what it found.

    `limit` is the number that `challenger` had to reach or not to exceed; of a champion gate the champion's value.
    `comparison` holds the statistics of a champion gate.
    """

    gate: Gate
    kind: Literal["absolute", "champion", "rows"]
    metric: str | None = None
    passed: bool
    challenger: FiniteFloat | None = None
    champion: FiniteFloat | None = None
    limit: FiniteFloat | None = None
    reason: str
    comparison: Comparison | None = None

    @property
    def title(self) -> str:
        """The gate in a few words, such as `roc_auc at least 0.9`."""
        return describe_gate(self.gate)


class GateReport(Record):
    """What the step `gate` found. `reason` is one sentence for people.

    `sanity` are checks that nobody has to ask for; one that failed holds the challenger back. `concerns` are reasons to
    hold back that belong to no single gate, such as a challenger that is the champion itself. `notes` decide nothing.
    `metrics` holds every metric of the problem for both models, whether or not a gate names it.
    `anchor` is the entry against which slow decline was measured; where `moves_anchor`, the challenger becomes
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
    sanity: tuple[SanityResult, ...] = ()
    concerns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    metrics: dict[str, MetricPair] = Field(default_factory=dict)

    @property
    def is_promotion(self) -> bool:
        """Whether the challenger may become the champion."""
        return self.decision is Decision.PROMOTE

    @property
    def failed(self) -> tuple[GateResult, ...]:
        """The gates that were not passed."""
        return tuple(result for result in self.results if not result.passed)

    @property
    def failed_sanity(self) -> tuple[SanityResult, ...]:
        """The sanity checks that were not passed."""
        return tuple(result for result in self.sanity if not result.passed)


def describe_gate(gate: Gate) -> str:
    """A gate in a few words, such as `roc_auc at least 0.9`."""
    match gate:
        case RowsGate():
            return f"holdout rows at least {gate.at_least:,}"
        case ChampionGate():
            return f"{gate.metric} better than the champion's"
        case MetricGate():
            limits = (("at least", gate.at_least), ("at most", gate.at_most))
            return f"{gate.metric} " + " and ".join(
                f"{word} {exact(limit)}" for word, limit in limits if limit is not None
            )
