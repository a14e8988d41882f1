"""Slices of a holdout: rows that share a value of a column, or a range. A row is in exactly one of each column's."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from airflow_mlkit.exceptions import UserError
from airflow_mlkit.spec.slices import Edge, RangeSlices, SliceChoice, column_of, position_of

MISSING = "(missing)"
MAX_SLICES = 20
RANGES = 5
_LONGEST_NAME = 80


@dataclass(frozen=True)
class Slice:
    """Rows of the holdout under a name that a person reads."""

    name: str
    rows: NDArray[np.int64]


Slices = dict[str, list[Slice]]
"""The slices of each column."""


def cut_declared(raw: pa.Table, chosen: Sequence[SliceChoice]) -> Slices:
    """Cut the rows of a holdout as `evaluate.slices` says.

    Args:
        raw: has the columns.
        chosen: each a column, or ranges of one.

    Raises:
        UserError: when ranges are of another kind than what the column holds.
    """
    check_ranges(raw.schema, chosen)
    return {
        column_of(choice): cut_slices(raw[column_of(choice)], choice if isinstance(choice, RangeSlices) else None)
        for choice in chosen
    }


def check_ranges(schema: pa.Schema, chosen: Sequence[SliceChoice]) -> None:
    """See to it that the columns can be cut as `evaluate.slices` says.

    Raises:
        UserError: when ranges are of another kind than what the column holds.
    """
    for place, choice in enumerate(chosen):
        if isinstance(choice, RangeSlices):
            _check_kind(schema.field(choice.column).type, choice, place)


def cut_slices(column: pa.ChunkedArray, ranges: RangeSlices | None = None) -> list[Slice]:
    """Cut the rows of a holdout by one raw column.

    With ranges there is a slice for each, in their order, also where no row is in it. Without: few values make a slice
    each, the most frequent first. Many numbers or dates are cut into five ranges with about as many rows each. Of many
    other values the most frequent have a slice each, and the rest share one that says how many they are. Missing
    values (NaN among them) are a slice of their own, the last one.
    """
    plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
    missing = pc.is_null(plain, nan_is_null=True).to_numpy().astype(bool)
    present = np.flatnonzero(~missing)
    values = plain.take(pa.array(present)).combine_chunks()
    parts = _cut_at(values, ranges.ranges) if ranges else _cut(values)
    slices = [Slice(part.name, present[part.rows]) for part in parts]
    if missing.any():
        slices.append(Slice(MISSING, np.flatnonzero(missing)))
    return slices


def _check_kind(type_: pa.DataType, ranges: RangeSlices, place: int) -> None:
    is_date = bool(pa.types.is_temporal(type_))
    if _is_ordered(type_) and is_date == ranges.is_of_dates:
        return
    held = "dates" if is_date else "numbers" if _is_ordered(type_) else "neither numbers nor dates"
    raise UserError(
        f"evaluate.slices[{place}].ranges are {'dates' if ranges.is_of_dates else 'numbers'}, and column "
        f"{ranges.column} holds {held}.",
        hint="Write edges of the column's own kind, or the column alone: then its values are the slices.",
    )


def _cut_at(values: Any, edges: Sequence[Edge]) -> list[Slice]:
    """Ranges of one's own. A value that is an edge belongs to the range above it."""
    if pa.types.is_temporal(values.type):
        numbers = values.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy(zero_copy_only=False)
        limits = np.array([round(position_of(edge) * 1e6) for edge in edges])
    else:
        numbers = values.to_numpy(zero_copy_only=False)
        # 0.7 in a column of 32 bits lies a little below the 0.7 of 64
        limits = np.array(edges, numbers.dtype if numbers.dtype.kind == "f" else np.float64)
    codes = np.searchsorted(limits, numbers, side="right")
    names = _range_names([_name_edge(edge) for edge in edges])
    return [Slice(name, np.flatnonzero(codes == code)) for code, name in enumerate(names)]


def _name_edge(edge: Edge) -> str:
    """As it is written, thousands apart; two different ones never read the same."""
    if isinstance(edge, datetime):
        return edge.isoformat(sep=" ").removesuffix(" 00:00:00")
    if isinstance(edge, date):
        return edge.isoformat()
    return f"{int(edge):,}" if abs(edge) < 1e15 and float(edge).is_integer() else repr(edge)


def _cut(values: Any) -> list[Slice]:
    if not len(values):
        return []
    counts = pc.value_counts(values)
    if len(counts) > MAX_SLICES and _is_ordered(values.type):
        return _cut_ranges(values)
    return _cut_values(values)


def _is_ordered(type_: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_temporal(type_))


def _cut_values(values: Any) -> list[Slice]:
    encoded = values.dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    counts = np.bincount(codes)
    order = np.argsort(-counts, kind="stable")
    # one slot is kept for the rest, which is worth it only where it replaces two values or more
    kept = order if len(order) <= MAX_SLICES else order[: MAX_SLICES - 1]
    names = _unique_names(encoded.dictionary.take(pa.array(kept)).to_pylist())
    slices = [Slice(name, np.flatnonzero(codes == code)) for name, code in zip(names, kept, strict=True)]
    if rest := len(order) - len(kept):
        slices.append(Slice(f"({rest:,} other values)", np.flatnonzero(~np.isin(codes, kept))))
    return slices


def _unique_names(values: Iterable[Any]) -> list[str]:
    names: list[str] = []
    for value in values:
        name = _name_of(value)
        while name in names:
            name += "'"
        names.append(name)
    return names


def _name_of(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}" if not (value.hour or value.minute or value.second) else f"{value:%Y-%m-%d %H:%M:%S}"
    text = str(value)
    if not text.strip() or text.startswith("("):
        # quoted, so that it is never taken for one of the names in brackets that are given here
        text = f'"{text}"'
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"


def _cut_ranges(values: Any) -> list[Slice]:
    if pa.types.is_temporal(values.type):
        numbers = _days(values)
        edges = np.unique(np.round(_inner_quantiles(numbers)))
        texts = [str(np.datetime64(int(edge), "D")) for edge in edges]
    else:
        numbers = values.to_numpy(zero_copy_only=False).astype(np.float64)
        edges = _round_edges(_inner_quantiles(numbers))
        texts = [f"{edge:,.10g}" for edge in edges]
    codes = np.searchsorted(edges, numbers, side="right")
    parts = [Slice(name, np.flatnonzero(codes == code)) for code, name in enumerate(_range_names(texts))]
    return [part for part in parts if len(part.rows)]


def _days(values: Any) -> NDArray[np.float64]:
    days = values.cast(pa.timestamp("us")) if not pa.types.is_timestamp(values.type) else values
    moments: NDArray[Any] = days.to_numpy(zero_copy_only=False)
    return moments.astype("datetime64[D]").astype(np.float64)


def _inner_quantiles(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    finite = numbers[np.isfinite(numbers)]
    return np.unique(np.quantile(finite, np.arange(1, RANGES) / RANGES)) if len(finite) else np.empty(0)


def _round_edges(exact: NDArray[np.float64]) -> NDArray[np.float64]:
    """The edges with as few digits as keep them apart and near to where they were."""
    for digits in range(2, 10):
        rounded = np.array([float(f"{edge:.{digits}g}") for edge in exact])
        if len(np.unique(rounded)) == len(exact) and np.all(np.abs(rounded - exact) <= np.ptp(exact) / 20):
            return rounded
    return exact


def _range_names(edges: list[str]) -> list[str]:
    if not edges:
        return ["all"]
    between = [f"{low} to under {high}" for low, high in itertools.pairwise(edges)]
    return [f"under {edges[0]}", *between, f"{edges[-1]} and over"]
