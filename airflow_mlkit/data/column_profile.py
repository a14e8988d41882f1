"""What one column of a new file holds: its type, what is missing, and how its values lie."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_mlkit.spec.values import ColumnType, Scalar

MAX_CATEGORIES = 100
"""Text with more different values than this is `text`, not `category`: a model learns their names by heart."""

_QUANTILES = (0.0, 0.1, 0.5, 0.9, 1.0)
_INTEGER, _NUMBER = r"^[+-]?\d+$", r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_LEADING_ZERO = r"^[+-]?0\d"
_DATE = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$"
_IDENTIFIER_NAME = re.compile(r"(?:^|[_\W])(?i:id|uuid|guid|key|index|rowid|row_number)$|[a-z](?:ID|Id|UUID|Uuid|Key)$")


@dataclass(frozen=True)
class ColumnProfile:
    """One column as it was found.

    Attributes:
        values: the values by type, null where one is missing: float64, int64, bool, string or timestamp[us].
        retyped: whether the text of the file suggests another type at first sight (`00123` looks like a number).
        quantiles: of a number, an integer or a date (as datetime): the minimum, 10 %, the median, 90 %, the maximum.
    """

    name: str
    type: ColumnType
    values: pa.Array = field(repr=False)
    retyped: bool = False

    @property
    def rows(self) -> int:
        """How many rows the column has."""
        return len(self.values)

    @property
    def missing(self) -> int:
        """How many of them are missing."""
        return int(self.values.null_count)

    @property
    def missing_share(self) -> float:
        """The share of the rows that are missing."""
        return self.missing / self.rows if self.rows else 1.0

    @cached_property
    def counts(self) -> dict[Scalar, int]:
        """How often each value occurs, in the order of the values; missing ones are not counted."""
        counted = pc.value_counts(self.values.drop_null())
        pairs = zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True)
        return dict(sorted(pairs))

    @cached_property
    def distinct(self) -> int:
        """How many different values there are."""
        return int(pc.count_distinct(self.values, mode="only_valid").as_py())

    @property
    def all_different(self) -> bool:
        """Whether no value occurs twice and none is missing."""
        return self.rows > 0 and self.missing == 0 and self.distinct == self.rows

    @property
    def is_numeric(self) -> bool:
        """Whether it holds numbers."""
        return self.type in ("number", "integer")

    @property
    def is_named_like_an_identifier(self) -> bool:
        """Whether the name ends as the names of identifiers do: `id`, `customerID`, `account_key`."""
        return _IDENTIFIER_NAME.search(self.name) is not None

    @cached_property
    def is_counter(self) -> bool:
        """Whether it is whole numbers that count the rows without a gap, in whatever order."""
        if self.type != "integer" or not self.all_different:
            return False
        low, high = self.quantiles[0], self.quantiles[-1]
        return bool(high - low + 1 == self.rows)

    @cached_property
    def quantiles(self) -> tuple[float, float, float, float, float]:
        """Of the finite values of a number: the minimum, 10 %, the median, 90 % and the maximum."""
        numbers = self.numbers[np.isfinite(self.numbers)]
        found = np.quantile(numbers, _QUANTILES) if len(numbers) else np.full(len(_QUANTILES), np.nan)
        low, tenth, median, ninetieth, high = (float(value) for value in found)
        return low, tenth, median, ninetieth, high

    @cached_property
    def numbers(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """The values as float64, NaN where one is missing; dates as microseconds since 1970."""
        values = self.values.cast(pa.int64()) if pa.types.is_timestamp(self.values.type) else self.values
        return np.asarray(values.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)

    @property
    def newest(self) -> datetime | None:
        """The newest date of a date column."""
        found: datetime | None = pc.max(self.values).as_py()
        return found


def profile_column(name: str, column: pa.ChunkedArray | pa.Array) -> ColumnProfile:
    """Find out what a column holds.

    Text is looked at closer: blanks are missing; a column of nothing but numbers, truth values or ISO dates is that.
    Numbers written with leading zeros (`00501`) are codes and stay text.
    """
    values = _plain(column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column)
    if pa.types.is_string(values.type):
        return _profile_text(name, values)
    return ColumnProfile(name, _type_of(values), values)


def _plain(values: pa.Array) -> pa.Array:
    """A column of any Arrow type as one of the few that a snapshot knows; what has none of them becomes its text."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _plain(values.dictionary_decode())
    if pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return values.cast(pa.bool_())
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return values.cast(pa.int64())
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return pc.if_else(pc.is_nan(numbers := values.cast(pa.float64())), None, numbers)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return values.cast(pa.timestamp("us", tz=getattr(kind, "tz", None)), safe=False)
    return _as_text(values)


def _as_text(values: pa.Array) -> pa.Array:
    """Text as it is; lists, structures and whatever else has no type of its own as Python writes it."""
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return values.cast(pa.string())
    return pa.array([None if value is None else str(value) for value in values.to_pylist()], pa.string())


def _type_of(values: pa.Array) -> ColumnType:
    if pa.types.is_boolean(values.type):
        return "boolean"
    if pa.types.is_integer(values.type):
        return "integer"
    return "number" if pa.types.is_floating(values.type) else "date"


def _profile_text(name: str, values: pa.Array) -> ColumnProfile:
    trimmed = pc.utf8_trim_whitespace(values)
    given = pc.if_else(pc.equal(trimmed, ""), None, trimmed)
    for kind, convert in _CONVERSIONS.items():
        converted = convert(given)
        if converted is not None:
            return ColumnProfile(name, kind, converted)
    distinct = pc.count_distinct(given).as_py()
    is_code = _all_match(given, _INTEGER)
    return ColumnProfile(name, "category" if distinct <= MAX_CATEGORIES else "text", given, retyped=is_code)


def _all_match(values: pa.Array, pattern: str) -> bool:
    if values.null_count == len(values):
        return False
    return bool(pc.all(pc.match_substring_regex(values, pattern)).as_py())


def _as_boolean(values: pa.Array) -> pa.Array | None:
    lowered = pc.utf8_lower(values)
    return pc.equal(lowered, "true") if _all_match(lowered, "^(true|false)$") else None


def _as_integer(values: pa.Array) -> pa.Array | None:
    if not _all_match(values, _INTEGER) or pc.any(pc.match_substring_regex(values, _LEADING_ZERO)).as_py():
        return None
    return _cast(pc.utf8_ltrim(values, "+"), pa.int64())


def _as_number(values: pa.Array) -> pa.Array | None:
    if not _all_match(values, _NUMBER) or _all_match(values, _INTEGER):
        return None
    return _cast(pc.utf8_ltrim(values, "+"), pa.float64())


def _as_date(values: pa.Array) -> pa.Array | None:
    if not _all_match(values, _DATE):
        return None
    return _cast(values, pa.timestamp("us")) or _cast(values, pa.timestamp("us", tz="UTC"))


def _cast(values: pa.Array, kind: pa.DataType) -> pa.Array | None:
    try:
        return values.cast(kind)
    except pa.ArrowInvalid:
        return None


_CONVERSIONS: dict[ColumnType, Callable[[pa.Array], pa.Array | None]] = {
    "boolean": _as_boolean,
    "integer": _as_integer,
    "number": _as_number,
    "date": _as_date,
}
