"""The types of a snapshot: six words for people, five types of Arrow.

`number` float64, `integer` int64, `category` and `text` string, `boolean` bool, `date` timestamp in microseconds, in
UTC where the source has a zone.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.types as pt

from airflow_mlkit.spec.values import ColumnType

NAIVE = pa.timestamp("us")
AWARE = pa.timestamp("us", "UTC")

_ARROW = {
    "number": pa.float64(),
    "integer": pa.int64(),
    "category": pa.string(),
    "text": pa.string(),
    "boolean": pa.bool_(),
    "date": NAIVE,
}


@dataclass(frozen=True)
class Found:
    """What a source itself says of a column: its type, and for dates whether they carry a zone.

    `word` is None where the column holds nothing that a step can use; `given` is the source's own name for its type.
    """

    word: ColumnType | None
    aware: bool = False
    given: str = "text"


def arrow_type(word: ColumnType, *, aware: bool = False) -> pa.DataType:
    """The Arrow type in which a column of that word is kept."""
    return AWARE if aware and word == "date" else _ARROW[word]


def word_of(kind: pa.DataType) -> ColumnType:
    """The word for a column of a snapshot, by its Arrow type.

    Raises:
        KeyError: when no snapshot holds such a type.
    """
    if pt.is_timestamp(kind):
        return "date"
    words: dict[pa.DataType, ColumnType] = {
        pa.float64(): "number",
        pa.int64(): "integer",
        pa.string(): "text",
        pa.bool_(): "boolean",
    }
    return words[kind]


def found_type(kind: pa.DataType) -> Found:
    """What a column of a parquet file or of a query's result holds, by its Arrow type."""
    kind = plain(kind)
    given = str(kind)
    if pt.is_timestamp(kind) or pt.is_date(kind):
        return Found("date", aware=pt.is_timestamp(kind) and kind.tz is not None, given=given)
    if pt.is_boolean(kind):
        return Found("boolean", given=given)
    if pt.is_integer(kind):
        return Found("integer", given=given)
    if pt.is_floating(kind) or pt.is_decimal(kind) or pt.is_null(kind):
        return Found("number", given=given)
    return Found("text" if is_text(kind) else None, given=given)


def is_text(kind: pa.DataType) -> bool:
    """Whether values of a type are read as text."""
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def plain(kind: pa.DataType) -> pa.DataType:
    """A type without its dictionary."""
    return kind.value_type if pt.is_dictionary(kind) else kind
