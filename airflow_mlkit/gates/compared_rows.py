"""The holdout rows on which models are compared, and what makes a comparison impossible."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from airflow_mlkit.evaluation.metrics import as_floats, count_not_finite
from airflow_mlkit.gates.decision import Decision
from airflow_mlkit.gates.linear import Floats
from airflow_mlkit.gates.numbers import are, count
from airflow_mlkit.gates.paired import Sample, number_entities
from airflow_mlkit.spec.metrics import rule_of

MIN_ROWS, MIN_OF_A_CLASS, MIN_ENTITIES, MIN_EVEN_ENTITIES = 200, 20, 30, 10
"""With fewer the interval does not hold what it promises (measured in benchmarks/promotion.py).

Of entities, how many there are, and how many of one size would tell as much.
"""

_OF_EACH_CLASS = frozenset({"roc_auc", "balanced_accuracy", "precision", "recall", "f1"})
"""The multiclass metrics in which every class counts alike, however rare it is."""

Trouble = tuple[Decision, str]


@dataclass(frozen=True)
class ComparedRows:
    """Labels, the scores of each model by its name, weights and entities; one row each, by position."""

    labels: NDArray[Any]
    scores: dict[str, NDArray[Any]]
    weights: Floats
    entities: NDArray[np.int64] | None

    @classmethod
    def read(
        cls, labels: ArrayLike, scores: dict[str, ArrayLike], weights: ArrayLike | None, groups: Any
    ) -> ComparedRows:
        """Take anything that numpy takes.

        Raises:
            ValueError: when lengths or shapes differ.
        """
        truth = _as_numbers(labels)
        given = {name: as_floats(_as_numbers(of_model)) for name, of_model in scores.items()}
        chosen = np.ones(len(truth)) if weights is None else as_floats(_as_numbers(weights)).astype(np.float64)
        entities = None if groups is None else number_entities(groups)
        lengths = {"labels": len(truth), **{f"scores of the {name}": len(of) for name, of in given.items()}}
        lengths |= {"weights": len(chosen), "groups": len(truth) if entities is None else len(entities)}
        if len(set(lengths.values())) > 1:
            raise ValueError("of different lengths: " + ", ".join(f"{size} {name}" for name, size in lengths.items()))
        if len({of.shape for of in given.values()}) > 1:
            raise ValueError(f"scores of different shapes: {', '.join(str(of.shape) for of in given.values())}")
        return cls(truth, given, chosen, entities)

    @cached_property
    def counted(self) -> NDArray[np.bool_]:
        """Whether each row has a weight at all."""
        return self.weights > 0

    @property
    def rows(self) -> int:
        """How many rows count."""
        return int(np.count_nonzero(self.counted))

    def positives(self, metric: str) -> int | None:
        """How many of them are positive; None for a problem that is not binary."""
        if not self._has_classes(metric) or self._is_multiclass:
            return None
        return int(np.count_nonzero(self.labels[self.counted] == 1))

    @property
    def entity_count(self) -> int | None:
        """How many entities they belong to."""
        return None if self.entities is None else len(np.unique(self.entities[self.counted]))

    def sample(self, metric: str) -> Sample:
        """How the rows were drawn, as the metric's standard error needs it."""
        by_class = self._has_classes(metric) and metric != "accuracy"
        needs_classes = by_class and (not self._is_multiclass or metric in _OF_EACH_CLASS)
        return Sample(self.weights, self.labels.astype(np.int64) if needs_classes else None, self.entities)

    def find_trouble(self, metric: str) -> Trouble | None:
        """Why nothing can be decided on these rows, and what that means for the challenger; None where all is well."""
        return self._find_broken_scores() or self._find_broken_rows(metric) or self._find_too_few(metric)

    def _find_broken_scores(self) -> Trouble | None:
        for name in sorted(self.scores, key=lambda each: each != "challenger"):
            if bad := count_not_finite(self.scores[name]):
                return Decision.HOLD_BACK, f"{bad:,} of {count(len(self.labels), 'score')} of the {name} are no numbers"
        challenger = self.scores["challenger"][self.counted]
        if len(challenger) and np.all(challenger == challenger[0]):
            return Decision.HOLD_BACK, "the challenger gives every row the same score"
        return None

    def _find_broken_rows(self, metric: str) -> Trouble | None:
        found = None
        if bad := int(np.count_nonzero(~(np.isfinite(self.weights) & (self.weights >= 0)))):
            found = f"{count(bad, 'weight')} are negative or no numbers"
        elif not self.rows:
            found = "there are no rows" if not len(self.labels) else "every weight is 0"
        elif bad := count_not_finite(self.labels):
            found = f"{bad:,} of {count(len(self.labels), 'label')} are missing or no numbers"
        elif self._has_classes(metric):
            found = self._find_strange_labels()
        return (Decision.UNDECIDED, found) if found else None

    def _find_strange_labels(self) -> str | None:
        classes = self.scores["challenger"].shape[1] if self._is_multiclass else 2
        present = np.unique(self.labels[self.counted])
        if strange := [value for value in present if value not in range(classes)]:
            return f"a label is {strange[0]:g}, and labels are the positions of the {classes} classes, from 0"
        return "the labels hold one class only" if len(present) < 2 else None

    def _find_too_few(self, metric: str) -> Trouble | None:
        found = None
        if self.rows < MIN_ROWS:
            found = f"there {are(self.rows, 'row')}, and fewer than {MIN_ROWS} cannot decide"
        elif self.entity_count is not None and self.entity_count < MIN_ENTITIES:
            found = f"there are rows of {self.entity_count} entities, and fewer than {MIN_ENTITIES} cannot decide"
        elif (even := self._count_even_entities(metric)) is not None and even < MIN_EVEN_ENTITIES:
            found = (
                f"a few entities have most of the rows{self._of_a_class(metric)}, so that {self.entity_count} count "
                f"like {even:.1f}, and fewer than {MIN_EVEN_ENTITIES} cannot decide"
            )
        elif (rarest := self._count_rarest_class(metric)) is not None and rarest < MIN_OF_A_CLASS:
            found = f"one class has {count(rarest, 'row')}, and fewer than {MIN_OF_A_CLASS} cannot decide"
        return (Decision.UNDECIDED, found) if found else None

    def count_missing(self, metric: str) -> int | None:
        """How many further rows like these a comparison needs at least; None where rows are not what is missing."""
        rarest, entities = self._count_rarest_class(metric), self.entity_count
        even = self._count_even_entities(metric)
        wanted = [
            (self.rows, MIN_ROWS),
            (rarest, MIN_OF_A_CLASS),
            (entities, MIN_ENTITIES),
            (even, MIN_EVEN_ENTITIES),
        ]
        if any(have == 0 for have, _ in wanted):
            return None
        shares = [needed / have for have, needed in wanted if have is not None]
        return int(np.ceil(self.rows * (max(shares) - 1))) if max(shares) > 1 else None

    def _count_even_entities(self, metric: str) -> float | None:
        return None if self.entities is None else self.sample(metric).effective_entities

    def _of_a_class(self, metric: str) -> str:
        return "" if self.sample(metric).strata is None else " of a class"

    def _count_rarest_class(self, metric: str) -> int | None:
        if not self._has_classes(metric) or (self._is_multiclass and metric not in _OF_EACH_CLASS):
            return None
        return int(np.unique(self.labels[self.counted], return_counts=True)[1].min(initial=len(self.labels)))

    @property
    def _is_multiclass(self) -> bool:
        return self.scores["challenger"].ndim == 2

    def _has_classes(self, metric: str) -> bool:
        return "regression" not in rule_of(metric).kinds


def _as_numbers(values: ArrayLike) -> NDArray[Any]:
    """An array of numbers; what is none becomes NaN, so that it is counted and said."""
    array = np.asarray(values)
    if array.dtype.kind in "iuf":
        return array
    if array.dtype.kind == "b":
        return array.astype(np.int8)
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError):
        return np.full(array.shape, np.nan)
