"""The challenger and the champion side by side on the rows of the holdout, and the anchor where it is another model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from airflow_mlkit.gates.comparison import Comparison
from airflow_mlkit.gates.paired_comparison import CONFIDENCE, compare, correct_for_looks
from airflow_mlkit.spec.pipeline import ChampionGate


@dataclass(frozen=True)
class Contest:
    """Everything but the metric of a paired comparison; see `compare`.

    Attributes:
        labels: encoded, shape (n,).
        challenger: its scores, shape (n,) or (n, k); likewise `champion` and `anchor`.
        champion_name: for sentences, such as `the champion (version 3)`.
        groups: the entity of each row, shape (n,), where rows belong to some.
        threshold: from which score on a binary row counts as positive.
        looks: how many models have asked this holdout, this one among them.
    """

    labels: NDArray[Any]
    challenger: NDArray[Any]
    champion: NDArray[Any]
    champion_name: str
    anchor: NDArray[Any] | None = None
    groups: NDArray[Any] | None = None
    threshold: float = 0.5
    looks: int = 1

    def compare(self, gate: ChampionGate) -> Comparison:
        """What a gate finds, at the gate's confidence after all looks."""
        return compare(
            self.labels,
            self.champion,
            self.challenger,
            metric=gate.metric,
            margin=gate.margin,
            confidence=correct_for_looks(gate.confidence or CONFIDENCE, self.looks),
            groups=self.groups,
            anchor_scores=self.anchor,
            threshold=self.threshold,
            champion_name=self.champion_name,
        )
