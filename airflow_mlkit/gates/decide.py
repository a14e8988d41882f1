"""The decision about a challenger: pure, from numbers to a verdict with its reasons.

A challenger is promoted only when every gate is passed and nothing else speaks against it. What cannot be compared is
held back with the reason, never promoted and never an exception.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from airflow_mlkit.gates.comparison import Comparison
from airflow_mlkit.gates.decision import Decision
from airflow_mlkit.gates.numbers import count, distinct, exact, short
from airflow_mlkit.gates.report import GateResult
from airflow_mlkit.spec.metrics import ALL_METRICS
from airflow_mlkit.spec.pipeline import ChampionGate, Gate, MetricGate, RowsGate

NO_CHAMPION = "there is no champion yet: only the absolute gates count"


@dataclass(frozen=True)
class Measured:
    """The metrics of one model on the holdout; None or absent is undefined, and `why_undefined` may say why."""

    metrics: Mapping[str, float | None]
    why_undefined: Mapping[str, str] = field(default_factory=dict)

    def value(self, metric: str) -> float | None:
        """The metric as a finite number, or None."""
        value = self.metrics.get(metric)
        return value if value is not None and math.isfinite(value) else None

    def why(self, metric: str) -> str:
        """Why the metric is undefined."""
        return self.why_undefined.get(
            metric, "it was not computed" if metric not in self.metrics else "it is not a number"
        )


@dataclass(frozen=True)
class Champion:
    """Who is compared with: its name for people, and how it compares, or the reason why it cannot."""

    title: str
    compare: Callable[[ChampionGate], Comparison] | None
    trouble: str = ""


@dataclass(frozen=True)
class Verdict:
    """What was decided, why in a sentence, and what each gate found."""

    decision: Decision
    reason: str
    results: tuple[GateResult, ...]

    @property
    def moves_anchor(self) -> bool:
        """Whether every comparison proved the challenger better than the anchor."""
        comparisons = [result.comparison for result in self.results if result.comparison]
        return bool(comparisons) and all(comparison.moves_anchor for comparison in comparisons)


def decide(
    gates: Sequence[Gate],
    challenger: Measured,
    champion: Champion | None,
    *,
    rows: int,
    concerns: Sequence[str] = (),
) -> Verdict:
    """Decide about a challenger.

    Args:
        gates: of the spec, in its order.
        challenger: its metrics on the holdout.
        champion: None where there is no champion yet.
        rows: of the holdout.
        concerns: reasons to hold back that belong to no gate, as sentences without a full stop.
    """
    results = tuple(judge_gate(gate, challenger, champion, rows) for gate in gates)
    failed = [result.reason for result in results if not result.passed] if results else ["no gate is declared"]
    against = list(concerns) or failed
    if against:
        is_open = not concerns and all(_is_open(result) for result in results if not result.passed)
        return Verdict(Decision.UNDECIDED if results and is_open else Decision.HOLD_BACK, _sentence(against), results)
    return Verdict(Decision.PROMOTE, _sentence(result.reason for result in results), results)


def judge_gate(gate: Gate, challenger: Measured, champion: Champion | None, rows: int) -> GateResult:
    """What one gate finds."""
    match gate:
        case RowsGate():
            return _judge_rows(gate, rows)
        case MetricGate():
            return _judge_limits(gate, challenger)
        case ChampionGate():
            return _judge_against(gate, challenger, champion)


def _judge_rows(gate: RowsGate, rows: int) -> GateResult:
    passed = rows >= gate.at_least
    verb = "has" if passed else "has only"
    reason = f"the holdout {verb} {count(rows, 'row')}, {'at least' if passed else 'fewer than'} {gate.at_least:,}"
    return GateResult(gate=gate, kind="rows", passed=passed, challenger=rows, limit=gate.at_least, reason=reason)


def _judge_limits(gate: MetricGate, challenger: Measured) -> GateResult:
    value = challenger.value(gate.metric)
    passed, limit, reason = False, _limits(gate)[0][1], f"{gate.metric} is undefined: {challenger.why(gate.metric)}"
    if value is not None:
        passed, limit, reason = _compare_with_limits(gate, value)
    return GateResult(
        gate=gate,
        kind="absolute",
        metric=gate.metric,
        passed=passed,
        challenger=value,
        limit=limit if math.isfinite(limit) else None,
        reason=reason,
    )


def _limits(gate: MetricGate) -> list[tuple[str, float]]:
    both = (("at least", gate.at_least), ("at most", gate.at_most))
    return [(word, limit) for word, limit in both if limit is not None]


def _compare_with_limits(gate: MetricGate, value: float) -> tuple[bool, float, str]:
    for word, limit in _limits(gate):
        # a limit that is NaN is never kept
        if not (value >= limit if word == "at least" else value <= limit):
            mine, other = distinct(value, limit)
            return False, limit, f"{gate.metric} {mine} is {'below' if word == 'at least' else 'above'} {other}"
    kept = " and ".join(f"{word} {exact(limit)}" for word, limit in _limits(gate))
    return True, _limits(gate)[0][1], f"{gate.metric} {short(value)} is {kept}"


def _judge_against(gate: ChampionGate, challenger: Measured, champion: Champion | None) -> GateResult:
    found = _compare_with_champion(gate, challenger, champion)
    comparison = found if isinstance(found, Comparison) else None
    passed, reason = found if not isinstance(found, Comparison) else (found.decision is Decision.PROMOTE, found.reason)
    return GateResult(
        gate=gate,
        kind="champion",
        metric=gate.metric,
        passed=passed,
        challenger=challenger.value(gate.metric),
        champion=comparison.champion if comparison else None,
        limit=comparison.champion if comparison else None,
        reason=reason,
        comparison=comparison,
    )


def _compare_with_champion(
    gate: ChampionGate, challenger: Measured, champion: Champion | None
) -> Comparison | tuple[bool, str]:
    if challenger.value(gate.metric) is None:
        return False, f"{gate.metric} is undefined: {challenger.why(gate.metric)}"
    if champion is None:
        return True, NO_CHAMPION
    if champion.compare is None:
        return False, f"{gate.metric} cannot be compared with {champion.title}: {champion.trouble}"
    return champion.compare(gate)


def _is_open(result: GateResult) -> bool:
    return result.comparison is not None and result.comparison.decision is Decision.UNDECIDED


def _sentence(parts: Iterable[str]) -> str:
    text = "; ".join(dict.fromkeys(parts))
    starts_with_a_name = text.partition(" ")[0] in ALL_METRICS
    return f"{text if starts_with_a_name else text[:1].upper() + text[1:]}."
