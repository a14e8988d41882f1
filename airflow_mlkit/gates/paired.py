"""The difference of two models on the same rows, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from airflow_mlkit.gates.linear import Floats, Linear


@dataclass(frozen=True)
class Difference:
    """How much better the challenger is than the other model, positive where it is better.

    Attributes:
        estimate: the difference of the two values.
        centre: of the interval; the same, but for accuracy, whose interval leans a little towards 0.
        standard_error: of the difference.
        degrees: of freedom of Student's t.
        champion: the other model's value; `challenger` the challenger's.
    """

    estimate: float
    centre: float
    standard_error: float
    degrees: int
    champion: float
    challenger: float

    def lower_bound(self, confidence: float) -> float:
        """One-sided: the truth lies above it as often as `confidence` says."""
        return self.centre - self.reach(confidence)

    def interval(self, confidence: float) -> tuple[float, float]:
        """Two-sided: the truth lies inside as often as `confidence` says."""
        reach = self.reach((1 + confidence) / 2)
        return self.centre - reach, self.centre + reach

    def reach(self, confidence: float) -> float:
        """How far the one-sided bound lies from the centre."""
        return float(stdtrit(self.degrees, confidence)) * self.standard_error


@dataclass(frozen=True)
class Sample:
    """How the rows were drawn, which is the same for every pair of models.

    Attributes:
        weights: shape (n,), not negative.
        strata: for each row the position of its class, where the metric needs rows of each class; shape (n,).
        entities: for each row the number of the entity that it belongs to, where rows are not independent; shape (n,).
    """

    weights: Floats
    strata: NDArray[np.int64] | None = None
    entities: NDArray[np.int64] | None = None

    def subtract(self, champion: Linear, challenger: Linear, *, higher_is_better: bool) -> Difference:
        """The paired difference of a metric."""
        sign = 1 if higher_is_better else -1
        estimate = sign * (challenger.value - champion.value)
        error = np.sqrt(self._variance(challenger.contributions - champion.contributions))
        return Difference(estimate, estimate, float(error), self.degrees, champion.value, challenger.value)

    def subtract_hits(self, champion: Linear, challenger: Linear) -> Difference:
        """The paired difference of two accuracies: with one more row of each discordant kind (Bonett & Price 2012).

        Without them a handful of rows on which the models differ would look surer than it is.
        """
        plain = self.subtract(champion, challenger, higher_is_better=True)
        counted = float(np.count_nonzero(self.weights))
        shrunk = counted / (counted + 2)
        centre = shrunk * plain.estimate
        # each row's own hit or miss about the new centre; its mean over the rows is no longer 0
        moved = shrunk * (challenger.contributions - champion.contributions)
        moved = moved + shrunk * self.weights / self.weights.sum() * (plain.estimate - centre)
        added = ((1 - centre) ** 2 + (1 + centre) ** 2) / (counted + 2) ** 2
        error = np.sqrt(self._variance(moved) + added)
        return Difference(plain.estimate, centre, float(error), plain.degrees, plain.champion, plain.challenger)

    @property
    def degrees(self) -> int:
        """Of freedom: one less than the rows or entities; where classes matter, of the rarer class."""
        return max(self.smallest_count - 1, 1)

    @property
    def smallest_count(self) -> int:
        """Of the rows, or entities, that count; where classes matter, of the rarest class that is there."""
        counts = self._count_by_class()
        return int(counts[counts > 0].min(initial=len(self.weights))) if counts.any() else 0

    def _count_by_class(self) -> NDArray[np.int64]:
        counted = self.weights > 0
        strata = np.zeros(len(self.weights), np.int64) if self.strata is None else self.strata
        if self.entities is None:
            return np.bincount(strata[counted], minlength=1)
        width = int(self.entities.max(initial=0)) + 1
        return np.bincount(np.unique(strata[counted] * width + self.entities[counted]) // width, minlength=1)

    def _variance(self, contributions: Floats) -> float:
        if self.entities is not None:
            sums = np.bincount(self.entities, weights=contributions)
            count = len(np.unique(self.entities[self.weights > 0]))
            return float(np.dot(sums, sums)) * _correct(count)
        counts = self._count_by_class()
        squares = np.square(contributions)
        by_class = [float(squares.sum())] if self.strata is None else np.bincount(self.strata, weights=squares)
        return float(sum(square * _correct(int(count)) for square, count in zip(by_class, counts, strict=False)))


def _correct(count: int) -> float:
    """N / (n - 1), as of a sample's variance."""
    return count / (count - 1) if count > 1 else 1.0


def number_entities(groups: Any) -> NDArray[np.int64]:
    """A number for each entity, of the values of a column, shape (n,). A missing value is an entity of its own."""
    import pandas as pd

    codes, _ = pd.factorize(np.asarray(groups))
    missing = np.flatnonzero(codes < 0)
    codes[missing] = codes.max(initial=-1) + 1 + np.arange(len(missing))
    numbered: NDArray[np.int64] = codes.astype(np.int64)
    return numbered
