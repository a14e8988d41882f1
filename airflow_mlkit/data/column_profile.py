"""What one column of a new file holds: its type, what is missing, and how its values lie."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from airflow_mlkit.data.casting import cast_column
from airflow_mlkit.data.inference import Evidence
from airflow_mlkit.data.types import Found, arrow_type, found_type
from airflow_mlkit.data.written_dates import why_no_dates
from airflow_mlkit.spec.values import ColumnType, Scalar

MAX_CATEGORIES = 100
"""Text with more different values than this is `text`, not `category`: a model learns their names by heart."""

_QUANTILES = (0.0, 0.1, 0.5, 0.9, 1.0)
_IDENTIFIER_NAME = re.compile(r"(?:^|[_\W])(?i:id|uuid|guid|key|index|rowid|row_number)$|[a-z](?:ID|Id|UUID|Uuid|Key)$")


@dataclass(frozen=True)
class ColumnProfile:
    """One column as it was found.

    Attributes:
        values: the values by type, null where one is missing: float64, int64, bool, string or timestamp[us].
        quantiles: of a number, an integer or a date (as datetime): the minimum, 10 %, the median, 90 %, the maximum.
        odd_value: of text that is numbers but for very few values: the first of these; else None.
        infinite: how many numbers are infinite; they are missing in `values`.
        why_no_dates: of text that looks like dates and cannot be read as such: the reason; else None.
    """

    name: str
    type: ColumnType
    values: pa.Array = field(repr=False)
    odd_value: str | None = None
    infinite: int = 0
    why_no_dates: str | None = None

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


def profile_column(name: str, column: pa.ChunkedArray | pa.Array) -> ColumnProfile:
    """Find out what a column holds, as extract will read it: text is looked at closer, and blanks are missing."""
    values = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    found, odd_value = _found(name, values)
    if found.word is None:
        as_text = [None if value is None else str(value) for value in values.to_pylist()]
        return ColumnProfile(name, "text", pa.array(as_text, pa.string()))
    cast, unfit = cast_column(values, arrow_type(found.word, aware=found.aware))
    is_category = found.word == "text" and pc.count_distinct(cast, mode="only_valid").as_py() <= MAX_CATEGORIES
    infinite = pc.sum(unfit).as_py() or 0 if unfit is not None and found.word == "number" else 0
    dates = why_no_dates(cast) if found.word == "text" else None
    return ColumnProfile(name, "category" if is_category else found.word, cast, odd_value, infinite, dates)


def _found(name: str, values: pa.Array) -> tuple[Found, str | None]:
    found = found_type(values.type)
    if found.word != "text":
        return found, None
    evidence = Evidence()
    evidence.look(values.cast(pa.string()), name, 0)
    return evidence.found, evidence.odd_row[2] if evidence.odd_values and evidence.odd_row else None
