"""The filters of mlkit.yaml: which rows are kept. A missing value matches no comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from airflow_mlkit.data.types import word_of
from airflow_mlkit.exceptions import UserError
from airflow_mlkit.spec.data import Filter, ListFilter, NullFilter, ValueFilter

_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "Eq": pc.equal,
    "NotEq": pc.not_equal,
    "Gt": pc.greater,
    "GtEq": pc.greater_equal,
    "Lt": pc.less,
    "LtEq": pc.less_equal,
}
_EXAMPLES = {
    "number": "1.5",
    "integer": "1",
    "boolean": "true",
    "date": "2026-01-31",
    "text": "'US' (quote digits: '1')",
}

Mask = Callable[[pa.RecordBatch], pa.Array]


def build_mask(filters: Sequence[Filter], schema: pa.Schema) -> Mask | None:
    """What tells for each row of a batch whether all filters keep it; None where there is no filter.

    Raises:
        UserError: when a filter compares a column with a value of another type; names `data.filters[i]`.
    """
    masks = [_build_one(one, index, schema.field(one.feature).type) for index, one in enumerate(filters)]
    if not masks:
        return None

    def keep(batch: pa.RecordBatch) -> pa.Array:
        kept = masks[0](batch)
        for mask in masks[1:]:
            kept = pc.and_(kept, mask(batch))
        return kept

    return keep


def _build_one(one: Filter, index: int, kind: pa.DataType) -> Mask:
    if isinstance(one, NullFilter):
        wanted = one.predicate == "IsNull"
        return lambda batch: pc.equal(pc.is_null(batch.column(one.feature)), wanted)
    if isinstance(one, ListFilter):
        return _build_list(one, [_coerce(value, kind, one, f"{index}].values") for value in one.values], kind)
    compare = _COMPARISONS[one.predicate]
    value = _coerce(one.value, kind, one, f"{index}].value")
    return lambda batch: pc.fill_null(compare(batch.column(one.feature), value), False)


def _build_list(one: ListFilter, values: list[pa.Scalar], kind: pa.DataType) -> Mask:
    listed = pa.array([value.as_py() for value in values if value.type == kind], kind)  # no 1.5 among whole numbers

    def keep(batch: pa.RecordBatch) -> pa.Array:
        column = batch.column(one.feature)
        inside = pc.is_in(column, listed)
        return inside if one.predicate == "IsIn" else pc.and_(pc.invert(inside), column.is_valid())

    return keep


def _coerce(value: Any, kind: pa.DataType, one: ValueFilter | ListFilter, place: str) -> pa.Scalar:
    word = word_of(kind)
    if word == "date" and (moment := _moment(value)) is not None:
        return pa.scalar(moment if kind.tz else moment.replace(tzinfo=None), kind)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if word in ("number", "integer") and number:
        whole = pt.is_integer(kind) and float(value).is_integer() and isinstance(one, ListFilter)
        return pa.scalar(int(value) if whole else value, kind if whole or isinstance(value, int) else pa.float64())
    if (word == "boolean" and isinstance(value, bool)) or (word == "text" and isinstance(value, str)):
        return pa.scalar(value, kind)
    raise UserError(
        f"data.filters[{place}: column {one.feature} holds {_plural(word)}, and {value!r} is none.",
        hint=f"Write it as {_EXAMPLES[word]}, or correct data.types.{one.feature}.",
    )


def _plural(word: str) -> str:
    return {"text": "text", "date": "dates"}.get(word, f"{word}s")


def _moment(value: Any) -> datetime | None:
    """A date or an ISO text as a moment; in UTC unless it says otherwise."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)
    return datetime(value.year, value.month, value.day, tzinfo=UTC) if isinstance(value, date) else None


def may_match(one: Filter, statistics: Any, rows: int) -> bool:
    """Whether a row group of a parquet file can hold a row that a filter keeps, by the statistics of its column."""
    nulls = statistics.null_count if statistics.has_null_count else None
    if isinstance(one, NullFilter):
        return nulls is None or (nulls > 0 if one.predicate == "IsNull" else nulls < rows)
    if not statistics.has_min_max:
        return nulls is None or nulls < rows
    values = one.values if isinstance(one, ListFilter) else (one.value,)
    if not all(_comparable(value, statistics.min) for value in values):
        return True
    return _range_may_match(one.predicate, values, statistics.min, statistics.max)


def _comparable(value: Any, bound: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return (number and isinstance(bound, (int, float))) or (isinstance(value, str) and isinstance(bound, str))


def _range_may_match(predicate: str, values: Sequence[Any], low: Any, high: Any) -> bool:
    ranges: Mapping[str, bool] = {
        "Eq": low <= values[0] <= high,
        "IsIn": any(low <= value <= high for value in values),
        "Gt": high > values[0],
        "GtEq": high >= values[0],
        "Lt": low < values[0],
        "LtEq": low <= values[0],
    }
    return ranges.get(predicate, True)
