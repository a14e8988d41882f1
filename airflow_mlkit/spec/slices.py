"""The parts of the holdout that are looked at one by one: a column's values, or ranges of one's own."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, TypeAdapter, ValidatorFunctionWrapHandler, WrapValidator, field_validator

from airflow_mlkit.spec.declared import problem_at, shorten
from airflow_mlkit.spec.values import ColumnName, ColumnType, Declared

MAX_EDGES = 19
"""As many ranges as there may be slices of a column's values; each further one makes all of them decide less."""


def _read_edge(given: Any) -> Any:
    if isinstance(given, str):
        given = _read_moment(given)
    if isinstance(given, bool) or not isinstance(given, int | float | date):
        raise ValueError(f"{shorten(given)} is no edge of a range; write a number such as 100, or a date: 2026-01-31")
    if not isinstance(given, date) and not abs(given) <= sys.float_info.max:
        raise ValueError(f"{shorten(given)} is no edge; the outermost ranges are open already. Take it out")
    return given


def _read_moment(text: str) -> Any:
    """An ISO text as a date, or as a moment; anything else as it is."""
    for read in (date.fromisoformat, datetime.fromisoformat):
        try:
            return read(text)
        except ValueError:
            continue
    return text


Edge = Annotated[int | float | datetime | date, BeforeValidator(_read_edge)]
"""Where one range ends and the next begins; a date without a time is the beginning of that day, in UTC."""


class RangeSlices(Declared):
    """A column cut at edges of one's own: below the first, from each to under the next, from the last up."""

    column: ColumnName = Field(description="A column with numbers or dates.")
    ranges: tuple[Edge, ...] = Field(
        min_length=1,
        description="The edges, upwards, such as [100, 1000]: under 100, 100 to under 1,000, 1,000 and over.",
    )

    @field_validator("ranges")
    @classmethod
    def _upwards(cls, edges: tuple[Edge, ...]) -> tuple[Edge, ...]:
        if len(edges) > MAX_EDGES:
            raise ValueError(f"has {len(edges)} edges; give {MAX_EDGES} at most: so many slices decide nothing")
        if len({isinstance(edge, date) for edge in edges}) > 1:
            raise ValueError("mixes numbers and dates; write one kind")
        for place, (low, high) in enumerate(pairwise(edges), start=1):
            if not position_of(low) < position_of(high):
                raise problem_at(((place,), f"{high} is not above {low}, which stands before it; write edges upwards"))
        return edges

    @property
    def is_of_dates(self) -> bool:
        """Whether the edges are dates."""
        return isinstance(self.ranges[0], date)

    def fits(self, word: ColumnType | None) -> bool:
        """Whether a column of that type can be cut so; one of which nothing is declared may be."""
        return word is None or word in (("date",) if self.is_of_dates else ("number", "integer"))


def position_of(edge: Any) -> float:
    """An edge as a number: its own, or the seconds since 1970 of a date."""
    if not isinstance(edge, date):
        return float(edge)
    moment = edge if isinstance(edge, datetime) else datetime.combine(edge, time())
    return (moment.replace(tzinfo=moment.tzinfo or UTC)).timestamp()


def _column_or_ranges(given: Any, _handler: ValidatorFunctionWrapHandler) -> Any:
    if isinstance(given, RangeSlices):
        return given
    if isinstance(given, Mapping):
        return RangeSlices.model_validate(given)
    if not isinstance(given, str) or not given:
        raise ValueError(
            f"{shorten(given)} is no slice; write a column's name, or {{column: amount, ranges: [100, 1000]}}"
        )
    return _COLUMN.validate_python(given)


_COLUMN = TypeAdapter(ColumnName)

SliceChoice = Annotated[ColumnName | RangeSlices, WrapValidator(_column_or_ranges)]
"""A column, whose values are a slice each, or a column with ranges of one's own."""


def column_of(chosen: str | RangeSlices) -> str:
    """The column that slices are cut from."""
    return chosen if isinstance(chosen, str) else chosen.column
