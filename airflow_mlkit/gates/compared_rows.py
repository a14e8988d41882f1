"""The holdout rows on which models are compared, and what makes a comparison impossible."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from airflow_mlkit.evaluation.metrics import as_floats, count_not_finite
from airflow_mlkit.gates.decision import Decision
from airflow_mlkit.gates.linear import Floats, ScoredHoldout
from airflow_mlkit.gates.numbers import are, count
from airflow_mlkit.gates.paired import Sample, number_entities
from airflow_mlkit.spec.metrics import rule_of

MIN_ROWS, MIN_OF_A_CLASS, MIN_ENTITIES, MIN_EVEN_ENTITIES = 200, 20, 30, 10
"""With fewer the interval does not hold what it promises (measured in benchmarks/promotion.py).

Of entities, how many there are, and how many of one size would tell as much.
"""

_OF_EACH_CLASS = frozenset({"roc_auc", "balanced_accuracy", "precision", "recall", "f1"})
"""The multiclass metrics in which every class counts alike, however rare it is."""


class Trouble(NamedTuple):
    """Why nothing can be decided, what that means for the challenger, and how many further rows would help."""

    decision: Decision
    why: str
    more_rows: int | None = None


@dataclass(frozen=True)
class ComparedRows:
    """Labels, the scores of each model by its name, weights and entities; one row each, by position.

    `weights` are relative: the largest is 1. `threshold`, `quantile` and `gains` are those of `compare`.
    """

    labels: NDArray[Any]
    scores: dict[str, NDArray[Any]]
    weights: Floats
    entities: NDArray[np.int64] | None
    threshold: float = 0.5
    quantile: float = 0.5
    gains: Floats | None = None

    @classmethod
    def read(
        cls,
        labels: ArrayLike,
        scores: dict[str, ArrayLike],
        *,
        weights: ArrayLike | None = None,
        groups: Any = None,
        threshold: float = 0.5,
        quantile: float = 0.5,
        gains: ArrayLike | None = None,
    ) -> ComparedRows:
        """Take anything that numpy takes.

        Raises:
            ValueError: when lengths or shapes differ or are none of rows.
        """
        truth = _as_column(labels, "labels")
        given = {name: _as_scores(of_model, name) for name, of_model in scores.items()}
        chosen = np.ones(len(truth)) if weights is None else _scale(_as_column(weights, "weights").astype(np.float64))
        entities = None if groups is None else number_entities(groups)
        lengths = {"labels": len(truth), **{f"scores of the {name}": len(of) for name, of in given.items()}}
        lengths |= {"weights": len(chosen), "groups": len(truth) if entities is None else len(entities)}
        if len(set(lengths.values())) > 1:
            raise ValueError("of different lengths: " + ", ".join(f"{size} {name}" for name, size in lengths.items()))
        if len({of.shape for of in given.values()}) > 1:
            raise ValueError(f"scores of different shapes: {', '.join(str(of.shape) for of in given.values())}")
        worth = None if gains is None else _read_gains(gains, len(truth), _count_classes(given))
        return cls(truth, given, chosen, entities, threshold, quantile, worth)

    def take(self, rows: NDArray[np.integer[Any]]) -> ComparedRows:
        """Some of the rows, by their positions."""
        return replace(
            self,
            labels=self.labels[rows],
            scores={name: of_model[rows] for name, of_model in self.scores.items()},
            weights=self.weights[rows],
            entities=None if self.entities is None else self.entities[rows],
            gains=None if self.gains is None or self._has_one_matrix else self.gains[rows],
        )

    def without(self, name: str) -> ComparedRows:
        """The rows without one model's scores, if it has any here."""
        return replace(self, scores={each: of_model for each, of_model in self.scores.items() if each != name})

    def of(self, name: str, metric: str) -> ScoredHoldout:
        """The rows as one model scored them."""
        labels = self._codes if self._has_classes(metric) else self.labels
        gains = self._gains_of_rows if metric == "value" else None
        return ScoredHoldout(
            labels, self.scores[name], self.weights, self.threshold, self.quantile, gains, self._least_probability
        )

    @cached_property
    def _codes(self) -> NDArray[np.int64]:
        """The labels as positions of classes."""
        return self.labels.astype(np.int64, copy=False)

    @cached_property
    def _gains_of_rows(self) -> Floats | None:
        return self.gains[self._codes] if self.gains is not None and self._has_one_matrix else self.gains

    @cached_property
    def counted(self) -> NDArray[np.bool_]:
        """Whether each row has a weight at all."""
        return self.weights > 0

    @cached_property
    def rows(self) -> int:
        """How many rows count."""
        return int(np.count_nonzero(self.counted))

    def positives(self, metric: str) -> int | None:
        """How many of them are positive; None for a problem that is not binary."""
        if not self._has_classes(metric) or self._is_multiclass:
            return None
        return int(np.count_nonzero(self.labels[self.counted] == 1))

    @cached_property
    def entity_count(self) -> int | None:
        """How many entities they belong to."""
        return None if self.entities is None else int(np.count_nonzero(np.bincount(self.entities[self.counted])))

    @property
    def _least_probability(self) -> float:
        """One for all models: one that is kept in single precision must not lose to itself in double."""
        return float(max(np.finfo(of_model.dtype).eps for of_model in self.scores.values()))

    @property
    def _has_one_matrix(self) -> bool:
        """Whether the gains are a row for each class, not for each row."""
        return self.gains is not None and len(self.gains) != len(self.labels)

    def sample(self, metric: str) -> Sample:
        """How the rows were drawn, as the metric's standard error needs it."""
        by_class = self._has_classes(metric) and metric != "accuracy"
        needs_classes = by_class and (not self._is_multiclass or metric in _OF_EACH_CLASS)
        return self._drawn_by_class if needs_classes else self._drawn

    @cached_property
    def _drawn(self) -> Sample:
        return Sample(self.weights, None, self.entities)

    @cached_property
    def _drawn_by_class(self) -> Sample:
        return Sample(self.weights, self._codes, self.entities)

    def find_constant(self) -> Trouble | None:
        """Whether the challenger or the champion tells no rows apart: then one of them is broken, or is no model."""
        for name, decision in (("challenger", Decision.HOLD_BACK), ("champion", Decision.UNDECIDED)):
            scores = self.scores[name]
            differs = scores != scores[np.argmax(self.counted)] if len(scores) else np.empty(0, np.bool_)
            if self.rows and not np.any(differs[self.counted]):
                return Trouble(decision, f"the {name} gives every row the same score")
        return None

    def find_trouble(self, metric: str) -> Trouble | None:
        """Why nothing can be decided on these rows, and what that means for the challenger; None where all is well."""
        if trouble := self._find_broken_scores():
            return trouble
        if why := self._find_broken_rows(metric):
            return Trouble(Decision.UNDECIDED, why)
        why = self._find_too_few(metric)
        return Trouble(Decision.UNDECIDED, why, self._count_missing(metric)) if why else None

    def _find_broken_scores(self) -> Trouble | None:
        for name in sorted(self.scores, key=lambda each: each != "challenger"):
            if bad := count_not_finite(self.scores[name]):
                why = f"{bad:,} of {count(len(self.labels), 'score')} of the {name} are no numbers"
                return Trouble(Decision.HOLD_BACK, why)
        return None

    def _find_broken_rows(self, metric: str) -> str | None:
        if bad := int(np.count_nonzero(~(np.isfinite(self.weights) & (self.weights >= 0)))):
            return f"{count(bad, 'weight')} are negative or no numbers"
        if not self.rows:
            return "there are no rows" if not len(self.labels) else "every weight is 0"
        if bad := count_not_finite(self.labels):
            return f"{bad:,} of {count(len(self.labels), 'label')} are missing or no numbers"
        if metric == "value" and self.gains is not None and (bad := count_not_finite(self.gains)):
            return f"{count(bad, 'row')} of the gains hold what is no number"
        return self._find_strange_labels() if self._has_classes(metric) else None

    def _find_strange_labels(self) -> str | None:
        classes = self.scores["challenger"].shape[1] if self._is_multiclass else 2
        present = np.unique(self.labels[self.counted])
        if strange := [value for value in present if value not in range(classes)]:
            return f"a label is {strange[0]:g}, and labels are the positions of the {classes} classes, from 0"
        return "the labels hold one class only" if len(present) < 2 else None

    def _find_too_few(self, metric: str) -> str | None:
        if self.rows < MIN_ROWS:
            return f"there {are(self.rows, 'row')}, and fewer than {MIN_ROWS} cannot decide"
        if self.entity_count is not None and self.entity_count < MIN_ENTITIES:
            return f"there are rows of {self.entity_count} entities, and fewer than {MIN_ENTITIES} cannot decide"
        if (even := self._count_even_entities(metric)) is not None and even < MIN_EVEN_ENTITIES:
            return (
                f"a few entities have most of the rows{self._of_a_class(metric)}, so that {self.entity_count} count "
                f"like {even:.1f}, and fewer than {MIN_EVEN_ENTITIES} cannot decide"
            )
        if (even := self._count_even_rows()) < MIN_ROWS:
            return (
                f"a few rows have most of the weight, so that {count(self.rows, 'row')} count like {even:.1f}, and "
                f"fewer than {MIN_ROWS} cannot decide"
            )
        if (rarest := self._count_rarest_class(metric)) is not None and rarest < MIN_OF_A_CLASS:
            rows = count(int(rarest), "row") if rarest == int(rarest) else f"the weight of {rarest:.1f} rows"
            return f"one class has {rows}, and fewer than {MIN_OF_A_CLASS} cannot decide"
        return None

    def _count_missing(self, metric: str) -> int | None:
        """How many further rows like these a comparison needs at least; None where rows are not what is missing."""
        wanted = [
            (self._count_even_rows(), MIN_ROWS),
            (self._count_rarest_class(metric), MIN_OF_A_CLASS),
            (self.entity_count, MIN_ENTITIES),
            (self._count_even_entities(metric), MIN_EVEN_ENTITIES),
        ]
        if any(have == 0 for have, _ in wanted):
            return None
        shares = [needed / have for have, needed in wanted if have is not None]
        return int(np.ceil(self.rows * (max(shares) - 1))) if max(shares) > 1 else None

    def _count_even_entities(self, metric: str) -> float | None:
        return None if self.entities is None else self.sample(metric).effective_entities

    def _of_a_class(self, metric: str) -> str:
        return "" if self.sample(metric).strata is None else " of a class"

    def _count_even_rows(self) -> float:
        return self._drawn.effective_rows

    def _count_rarest_class(self, metric: str) -> float | None:
        """How many rows of one weight the rarest class tells as much as."""
        if not self._has_classes(metric) or (self._is_multiclass and metric not in _OF_EACH_CLASS):
            return None
        return self._drawn_by_class.effective_rows

    @property
    def _is_multiclass(self) -> bool:
        return self.scores["challenger"].ndim == 2

    def _has_classes(self, metric: str) -> bool:
        return "regression" not in rule_of(metric).kinds


def _as_column(values: ArrayLike, name: str) -> NDArray[Any]:
    array = _as_numbers(values)
    if array.ndim != 1:
        raise ValueError(f"{name} of the shape {array.shape}; give one for each row")
    return array


def _as_scores(values: ArrayLike, name: str) -> Floats:
    array = as_floats(_as_numbers(values))
    if array.ndim not in (1, 2) or array.shape[1:] == (1,):
        raise ValueError(f"scores of the {name} of the shape {array.shape}; give one for each row, or for each class")
    return array


def _scale(weights: Floats) -> Floats:
    """The largest is 1, so that their sums and squares stay numbers; what is none is left to be found."""
    largest = np.max(weights, initial=0.0)
    return weights / largest if np.isfinite(largest) and largest > 0 else weights


def _count_classes(scores: dict[str, NDArray[Any]]) -> int:
    of_model = scores["challenger"]
    return int(of_model.shape[1]) if of_model.ndim == 2 else 2


def _read_gains(gains: ArrayLike, rows: int, classes: int) -> Floats:
    matrix = np.asarray(gains, dtype=np.float64)
    if matrix.shape not in {(rows, classes), (classes, classes)}:
        raise ValueError(
            f"gains of the shape {matrix.shape} for {count(rows, 'row')} and {classes} classes; give a row for each "
            "true class and a column for each answer, or such a row for each row"
        )
    return matrix


def _as_numbers(values: ArrayLike) -> NDArray[Any]:
    """An array of numbers; what is none becomes NaN, so that it is counted and said."""
    array = np.asarray(np.ma.filled(values.astype(np.float64), np.nan) if np.ma.isMA(values) else values)
    if array.dtype.kind in "iuf":
        return array
    if array.dtype.kind == "b":
        return array.astype(np.int8)
    if array.dtype.kind in "mMc":  # numpy would make numbers of dates
        return np.full(array.shape, np.nan)
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError):
        return np.full(array.shape, np.nan)
