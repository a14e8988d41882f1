"""The difference of two models on the same rows, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
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
    degrees: float
    champion: float
    challenger: float

    @property
    def is_finite(self) -> bool:
        """Whether every number of it is one."""
        return bool(
            np.isfinite([self.estimate, self.centre, self.standard_error, self.champion, self.challenger]).all()
        )

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

    def subtract(
        self, champion: Linear, challenger: Linear, *, higher_is_better: bool, has_tails: bool = False
    ) -> Difference:
        """The paired difference of a metric; where one row may count any amount, a few that do make it less sure."""
        sign = 1 if higher_is_better else -1
        estimate = sign * (challenger.value - champion.value)
        moved = challenger.contributions - champion.contributions
        error, degrees = np.sqrt(self._variance(moved)), self.degrees
        if has_tails:
            degrees = min(degrees, _degrees_of_tails(moved))
        return Difference(estimate, estimate, float(error), degrees, champion.value, challenger.value)

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
    def degrees(self) -> float:
        """Of freedom: one less than the rows or entities; where classes matter, of the rarer class."""
        if self.entities is not None:
            return max(self.effective_entities - 1, 1)
        return max(self.effective_rows - 1, 1)

    @cached_property
    def effective_rows(self) -> float:
        """How many rows of one weight tell as much; where classes matter, in the class in which it is the least."""
        squared = np.square(self.weights)
        if self.strata is None:
            sums, squares = np.atleast_1d(self.weights.sum()), np.atleast_1d(squared.sum())
        else:
            sums, squares = (np.bincount(self.strata, weights=each) for each in (self.weights, squared))
        return float(np.min(sums[squares > 0] ** 2 / squares[squares > 0], initial=len(self.weights)))

    @property
    def effective_entities(self) -> float:
        """How many entities of one size tell as much; where classes matter, in the class in which it is the least.

        Kish 1965, section 11.7; as degrees of freedom: Carter, Schnepel & Steigerwald 2017.
        """
        squares = np.square(self._shares).sum(axis=1)
        return float(1 / squares.max(initial=0.0)) if squares.any() else 0.0

    @cached_property
    def _shares(self) -> Floats:
        """Of the weight of each class, the share that lies with each entity; shape (classes, entities)."""
        assert self.entities is not None
        width = int(self.entities.max(initial=0)) + 1
        classes = 1 if self.strata is None else int(self.strata.max(initial=0)) + 1
        held = np.bincount(self._cells, weights=self.weights, minlength=classes * width).reshape(classes, width)
        totals = held.sum(axis=1, keepdims=True)
        shares: Floats = np.divide(held, totals, out=np.zeros_like(held), where=totals > 0)
        return shares

    @property
    def _cells(self) -> NDArray[np.int64]:
        """Of each row, where its class and entity lie among the shares."""
        assert self.entities is not None
        return (
            self.entities
            if self.strata is None
            else self.strata * (int(self.entities.max(initial=0)) + 1) + self.entities
        )

    def _count_by_class(self) -> NDArray[np.int64]:
        counted = self.weights > 0
        strata = np.zeros(len(self.weights), np.int64) if self.strata is None else self.strata
        return np.bincount(strata[counted], minlength=1)

    def _variance(self, contributions: Floats) -> float:
        if self.entities is not None:
            return self._variance_by_entity(contributions, self.entities)
        counts = self._count_by_class()
        squares = np.square(contributions)
        by_class = [float(squares.sum())] if self.strata is None else np.bincount(self.strata, weights=squares)
        return float(sum(square * _correct(int(count)) for square, count in zip(by_class, counts, strict=False)))

    def _variance_by_entity(self, contributions: Floats, entities: NDArray[np.int64]) -> float:
        """What leaving out one entity after the other would move, squared (CR3: Bell & McCaffrey 2002).

        Entities of one size need no more than N / (n - 1); among uneven ones the large ones pull the value to
        themselves, and without this they would look surer than they are.
        """
        moved = contributions / (1 - self._shares.ravel()[self._cells])
        sums = np.bincount(entities, weights=moved)
        count = np.count_nonzero(self._shares.sum(axis=0))
        return float(np.dot(sums, sums)) * (count - 1) / count


def _degrees_of_tails(moved: Floats) -> float:
    """Of freedom of a variance that a few large rows make up: a sum of money is less sure than its rows are many.

    Satterthwaite's: 2 / Var(s^2 / sigma^2), with the kurtosis of the rows; for normal ones as many as there are rows.
    """
    squares = np.square(moved)
    total, fourth = float(squares.sum()), float(np.dot(squares, squares))
    excess = fourth / total**2 - 1 / len(moved) if total else 0.0
    return max(2 / excess, 1.0) if excess > 0 else float("inf")


def _correct(count: int) -> float:
    """N / (n - 1), as of a sample's variance."""
    return count / (count - 1) if count > 1 else 1.0


def number_entities(groups: Any) -> NDArray[np.int64]:
    """A number for each entity, of the values of a column, shape (n,), or of several, shape (n, k).

    A missing value of one column is an entity of its own.

    Raises:
        ValueError: for any other shape.
    """
    import pandas as pd

    values = np.asarray(groups)
    if values.ndim == 2:
        values = pd.DataFrame(values).groupby(list(range(values.shape[1])), dropna=False).ngroup().to_numpy()
    if values.ndim != 1:
        raise ValueError(f"groups of the shape {values.shape}; give one for each row")
    codes, _ = pd.factorize(values)
    missing = np.flatnonzero(codes < 0)
    codes[missing] = codes.max(initial=-1) + 1 + np.arange(len(missing))
    numbered: NDArray[np.int64] = codes.astype(np.int64)
    return numbered
