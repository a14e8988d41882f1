"""What the text of a csv column holds, decided over the whole column so that no block size decides it."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from airflow_mlkit.data.casting import ZONE, clean
from airflow_mlkit.data.types import AWARE, NAIVE, Found
from airflow_mlkit.spec.values import ColumnType

_NEARLY = 0.01
"""A column with fewer values than this share that are no numbers was probably meant as numbers."""
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"


class Evidence:
    """What a column can still be after the values that were looked at.

    A column is `integer`, `number`, `boolean` (true and false in words) or `date` when every value is; else it is text.
    Numbers with a leading zero (a postal code) and whole numbers of more than 18 digits (an account) stay text. A
    column of blanks is `number`.
    """

    def __init__(self) -> None:
        self._candidates = ["integer", "number", "boolean", "naive", "aware"]
        self._seen = 0
        self._odd = 0
        self._nearly_numbers = True
        self.odd_row: tuple[str, int, str] | None = None

    def look(self, values: pa.Array, origin: str, first_row: int) -> None:
        """Take a batch of text into account."""
        if not self._candidates and not self._nearly_numbers:
            return
        present = clean(values)
        self._seen += len(present) - present.null_count
        if len(present) == present.null_count:
            return
        if self._nearly_numbers and "number" in self._candidates and not _can_be("number", present):
            self._candidates = [name for name in self._candidates if name not in ("integer", "number")]
        self._candidates = [name for name in self._candidates if _can_be(name, present)]
        if "number" not in self._candidates:
            self._count_odd(present, origin, first_row)

    def _count_odd(self, values: pa.Array, origin: str, first_row: int) -> None:
        if not self._nearly_numbers:
            return
        odd = pc.fill_null(pc.invert(pc.match_substring_regex(values, _NUMBER)), False)
        self._odd += pc.sum(odd).as_py() or 0
        self._nearly_numbers = self._odd <= max(_NEARLY * self._seen, 1)
        if self.odd_row is None and self._odd:
            index = pc.index(odd, True).as_py()
            self.odd_row = (origin, first_row + index, values[index].as_py())

    @property
    def found(self) -> Found:
        """What the column holds."""
        if not self._candidates:
            return Found("text")
        first = self._candidates[0]
        if first in ("naive", "aware"):
            return Found("date", aware=first == "aware")
        word: ColumnType = "number" if not self._seen or first == "number" else "integer"
        return Found("boolean" if first == "boolean" else word)

    @property
    def odd_values(self) -> int:
        """How many values keep a column of numbers from being one; 0 where it is one, or is plainly text."""
        return self._odd if self._nearly_numbers and self.found.word == "text" and self._seen > 1 + self._odd else 0


def _can_be(name: str, values: pa.Array) -> bool:
    if name == "boolean":
        return _all(pc.is_in(pc.utf8_lower(values), pa.array(["true", "false"])), values)
    kinds = {"integer": pa.int64(), "number": pa.float64(), "naive": NAIVE, "aware": AWARE}
    try:
        values.cast(kinds[name])
    except pa.ArrowInvalid:
        return False
    return name not in ("integer", "number") or not _is_code(values)


def _is_code(values: pa.Array) -> bool:
    """Whether some value is a code in digits rather than a quantity: `02139`, or a number of 19 digits."""
    length = pc.binary_length(values)
    zero = pc.and_(pc.starts_with(values, "0"), pc.greater(length, 1))
    if _any(zero) and _any(pc.match_substring_regex(values.filter(zero), "^0[0-9xX]")):
        return True
    long = pc.greater(length, 18)
    return _any(long) and _any(pc.match_substring_regex(values.filter(long), "^[0-9]+$"))


def _any(mask: pa.Array) -> bool:
    return pc.any(mask).as_py() is True


def _all(mask: pa.Array, values: pa.Array) -> bool:
    return pc.all(pc.or_(mask, values.is_null())).as_py() is True


def zone_of(values: pa.Array) -> bool | None:
    """Whether dates written as text carry a zone, by the first one; None where there is none."""
    present = clean(values).drop_null()
    if not len(present):
        return None
    return bool(pc.match_substring_regex(present[:1], ZONE)[0].as_py())
