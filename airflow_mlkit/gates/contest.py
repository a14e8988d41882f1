"""The challenger and the champion side by side on the rows of the holdout, and the anchor where it is another model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from numpy.typing import ArrayLike, NDArray

from airflow_mlkit.evaluation.metrics import Floats
from airflow_mlkit.evaluation.slices import Slice
from airflow_mlkit.gates.compared_rows import ComparedRows
from airflow_mlkit.gates.comparison import Comparison, SliceComparison
from airflow_mlkit.gates.decision import Decision
from airflow_mlkit.gates.numbers import count, short, sure
from airflow_mlkit.gates.paired_comparison import CONFIDENCE, Request, compare_part, compare_whole, correct_for_looks
from airflow_mlkit.spec.pipeline import ChampionGate

SLICE_CONFIDENCE = 0.95
"""With which a challenger must be worse in a slice before it is held back for it, over all slices together."""


@dataclass(frozen=True)
class Contest:
    """Everything but the metric of a paired comparison; see `compare`.

    Attributes:
        labels: encoded, shape (n,).
        challenger: its scores, shape (n,) or (n, k); likewise `champion` and `anchor`.
        champion_name: for sentences, such as `the champion (version 3)`.
        since_anchor: how many champions have followed the anchor; see `compare`.
        groups: the entity of each row, shape (n,), where rows belong to some.
        threshold: from which score on a binary row counts as positive.
        quantile: which one a regression predicts; only `quantile_loss` needs it.
        gains: what it is worth to answer each row with each class, shape (n, k); only `value` needs it.
        looks: how many models have asked this holdout, this one among them.
        slices: of each declared column.
    """

    labels: NDArray[Any]
    challenger: NDArray[Any]
    champion: NDArray[Any]
    champion_name: str
    anchor: NDArray[Any] | None = None
    since_anchor: int = 1
    groups: NDArray[Any] | None = None
    threshold: float = 0.5
    quantile: float | None = None
    gains: Floats | None = None
    looks: int = 1
    slices: Mapping[str, Sequence[Slice]] = field(default_factory=dict)

    def compare(self, gate: ChampionGate) -> Comparison:
        """What a gate finds: on the whole at the gate's confidence after all looks, and in each slice."""
        confidence = correct_for_looks(gate.confidence or CONFIDENCE, self.looks)
        request = Request(gate.metric, gate.margin, confidence, self.champion_name, self.since_anchor)
        request.check()
        whole = compare_whole(request, self._rows)
        if whole.estimate is None or not self.slices:
            return whole
        each = [(column, part) for column, parts in self.slices.items() for part in parts]
        rows = self._rows.without("anchor")
        troubles = [rows.take(part.rows).find_trouble(gate.metric) for _, part in each]
        # those that cannot be compared cannot hold back by chance either, and make the others no less sure
        among = troubles.count(None)
        compared = tuple(
            self._compare_slice(gate, column, part, among=among)
            if trouble is None
            else _leave_open(column, part, trouble.why)
            for (column, part), trouble in zip(each, troubles, strict=True)
        )
        return _weigh(whole, compared, correct_for_looks(SLICE_CONFIDENCE, among) if among else None)

    @cached_property
    def _rows(self) -> ComparedRows:
        scores: dict[str, ArrayLike] = {"champion": self.champion, "challenger": self.challenger}
        if self.anchor is not None:
            scores["anchor"] = self.anchor
        return ComparedRows.read(
            self.labels,
            scores,
            groups=self.groups,
            threshold=self.threshold,
            quantile=self.quantile or 0.5,
            gains=self.gains,
        )

    def _compare_slice(self, gate: ChampionGate, column: str, part: Slice, *, among: int) -> SliceComparison:
        """One slice among many: each is asked with the share of the error that falls to it (Bonferroni)."""
        confidence = correct_for_looks(SLICE_CONFIDENCE, among)
        # a two-sided interval whose upper end is the one-sided bound
        request = Request(gate.metric, gate.margin, 2 * confidence - 1)
        found = compare_part(request, self._rows.without("anchor").take(part.rows))
        worse = _is_worse(found)
        return SliceComparison(
            column=column,
            name=part.name,
            rows=len(part.rows),
            worse=worse,
            champion=found.champion,
            challenger=found.challenger,
            estimate=found.estimate,
            interval=found.interval,
            reason=_tell_worse(found, column, part.name, confidence, among) if worse else found.reason,
        )


def _leave_open(column: str, part: Slice, why: str) -> SliceComparison:
    return SliceComparison(column=column, name=part.name, rows=len(part.rows), worse=False, reason=why)


def _is_worse(found: Comparison) -> bool:
    if found.estimate is None or found.interval is None or found.margin is None:
        return False
    return found.interval.high < 0 and found.estimate < -found.margin


def _tell_worse(found: Comparison, column: str, name: str, confidence: float, among: int) -> str:
    assert found.champion is not None
    assert found.challenger is not None
    return (
        f"where {column} is {name} ({count(found.rows, 'row')}) {found.metric} went from {short(found.champion)} to "
        f"{short(found.challenger)} ({sure(confidence)}, so that {count(among, 'slice')} together are "
        f"{sure(SLICE_CONFIDENCE)})"
    )


def _weigh(whole: Comparison, slices: tuple[SliceComparison, ...], confidence: float | None) -> Comparison:
    """A challenger that is worse in a slice is held back, however good it is on the whole."""
    found = {"slices": slices, "slice_confidence": confidence}
    worse = [part.reason for part in slices if part.worse]
    if not worse or whole.decision is Decision.HOLD_BACK:
        return whole.model_copy(update=found)
    reason = f"{whole.reason}; but {'; and '.join(worse)}"
    return whole.model_copy(update={**found, "decision": Decision.HOLD_BACK, "reason": reason})
