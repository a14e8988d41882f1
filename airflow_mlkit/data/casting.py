"""From a source's values to the types of a snapshot. A value that does not fit is named, never guessed.

Blanks are missing in every column; NA, NaN, null and their like are missing where a number, a boolean or a date is
expected. In text they are words: NA is also Namibia.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from airflow_mlkit.data.types import is_text
from airflow_mlkit.exceptions import SourceError
from airflow_mlkit.spec.values import ColumnType

MISSING = pa.array(["", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NULL", "null", "None"])
TRUE = pa.array(["true", "t", "yes", "y", "1"])
FALSE = pa.array(["false", "f", "no", "n", "0"])
MAX_EXAMPLES = 3
ZONE = r"(?:[0-9][Zz]|:[0-9.]+ ?[+-][0-9]{2}(?::?[0-9]{2})?)$"
"""How a date with a zone ends, as an RE2 pattern."""

_INTEGER = r"^-?[0-9]{1,18}$"
_LONG_FRACTION = r"(\.[0-9]{6})[0-9]+"
_NOUNS = {"number": "number", "integer": "whole number", "boolean": "boolean", "date": "date", "text": "text"}


def cast_column(values: pa.Array, target: pa.DataType) -> tuple[pa.Array, pa.Array | None]:
    """Cast one batch of a column.

    Args:
        values: as the source gives them.
        target: one of the types of `airflow_mlkit.data.types`.

    Returns:
        The values in the target's type, and a boolean mask of those that do not fit (None when all do). Those that do
        not fit are null in the values.
    """
    if pt.is_dictionary(values.type):
        values = values.dictionary_decode()
    if is_text(values.type) or pt.is_null(values.type):
        return _cast_text(values.cast(pa.string()), target)
    if pt.is_string(target):
        return values.cast(pa.string()), None
    if pt.is_timestamp(target):
        return _cast_dates(values, target)
    if pt.is_boolean(target) and not pt.is_boolean(values.type):
        return _cast_text(values.cast(pa.float64()).cast(pa.string()), target)
    return _cast_numbers(values, target)


def _cast_text(values: pa.Array, target: pa.DataType) -> tuple[pa.Array, pa.Array | None]:
    if pt.is_string(target):
        return blanks_to_null(values), None
    try:
        return _finite(values.cast(target), target)
    except pa.ArrowInvalid:
        return _cast_slowly(clean(values), target)


def blanks_to_null(values: pa.Array) -> pa.Array:
    """Text with what is only white space made missing."""
    short = pc.less(pc.binary_length(values), 8)
    if not pc.any(short).as_py():
        return values
    return pc.if_else(pc.equal(pc.utf8_trim_whitespace(values), ""), pa.scalar(None, pa.string()), values)


def clean(values: pa.Array) -> pa.Array:
    """Text trimmed, and with the words for a missing value made missing: what a number or a date is read from."""
    trimmed = pc.utf8_trim_whitespace(values)
    return pc.if_else(pc.is_in(trimmed, MISSING), pa.scalar(None, pa.string()), trimmed)


def _cast_slowly(values: pa.Array, target: pa.DataType) -> tuple[pa.Array, pa.Array | None]:
    """Cast cleaned text in which some value may not fit."""
    if pt.is_boolean(target):
        return _cast_booleans(values)
    if pt.is_integer(target):
        return _cast_integers(values)
    if pt.is_timestamp(target):
        values = pc.replace_substring_regex(values, _LONG_FRACTION, r"\1")
    try:
        return _finite(values.cast(target), target)
    except pa.ArrowInvalid:
        bad = _misfits(values, target)
        rest, infinite = _finite(pc.if_else(bad, pa.scalar(None, pa.string()), values).cast(target), target)
        return rest, pc.or_(bad, infinite) if infinite is not None else bad


def _cast_booleans(values: pa.Array) -> tuple[pa.Array, pa.Array | None]:
    lower = pc.utf8_lower(values)
    true, false = pc.is_in(lower, TRUE), pc.is_in(lower, FALSE)
    known = pc.or_(true, false)
    return pc.if_else(known, true, pa.scalar(None, pa.bool_())), _some(pc.and_(pc.invert(known), values.is_valid()))


def _cast_integers(values: pa.Array) -> tuple[pa.Array, pa.Array | None]:
    """Whole numbers as they are written; `34.0` and `+5`, which are whole too, through float64."""
    direct = pc.fill_null(pc.match_substring_regex(values, _INTEGER), False)
    nothing = pa.scalar(None, pa.string())
    exact = pc.if_else(direct, values, nothing).cast(pa.int64())
    floats, misfits = _cast_slowly(pc.if_else(direct, nothing, values), pa.float64())
    whole, fractions = _to_integers(floats)
    bad = [mask for mask in (misfits, fractions) if mask is not None]
    return pc.coalesce(exact, whole), pc.or_(*bad) if len(bad) == 2 else (bad[0] if bad else None)


def _to_integers(values: pa.Array) -> tuple[pa.Array, pa.Array | None]:
    fits = pc.and_(pc.equal(pc.floor(values), values), pc.less(pc.abs(values), 2.0**63))
    whole = pc.if_else(fits, values, pa.scalar(None, pa.float64())).cast(pa.int64())
    return whole, _some(pc.fill_null(pc.invert(fits), False))


def _cast_numbers(values: pa.Array, target: pa.DataType) -> tuple[pa.Array, pa.Array | None]:
    if pt.is_float64(target):
        if pt.is_date(values.type) or pt.is_timestamp(values.type):
            return pa.nulls(len(values), target), values.is_valid()
        return _finite(values.cast(target, safe=False), target)
    if pt.is_floating(values.type) or pt.is_decimal(values.type) or pt.is_uint64(values.type):
        floats = values.cast(pa.float64(), safe=False)
        present, infinite = _finite(floats, pa.float64())
        whole, fractions = _to_integers(present)
        return whole, infinite if fractions is None else fractions
    if pt.is_integer(values.type) or pt.is_boolean(values.type):
        return values.cast(target), None
    return pa.nulls(len(values), target), values.is_valid()


def _cast_dates(values: pa.Array, target: pa.DataType) -> tuple[pa.Array, pa.Array | None]:
    if not (pt.is_timestamp(values.type) or pt.is_date(values.type)):
        return pa.nulls(len(values), target), values.is_valid()
    aware = pt.is_timestamp(values.type) and values.type.tz is not None
    if aware != (target.tz is not None):
        return pa.nulls(len(values), target), values.is_valid()
    return values.cast(target, safe=False), None


def _finite(values: pa.Array, target: pa.DataType) -> tuple[pa.Array, pa.Array | None]:
    """Numbers with NaN made missing, and a mask of the infinite ones."""
    if not pt.is_float64(target):
        return values, None
    usable = pc.is_finite(values)
    if pc.all(usable).as_py() is not False:
        return values, None
    return pc.if_else(usable, values, pa.scalar(None, pa.float64())), _some(pc.fill_null(pc.is_inf(values), False))


def _misfits(values: pa.Array, target: pa.DataType) -> pa.Array:
    distinct = values.unique().drop_null()
    wrong = [value for value in distinct if not _fits(value, target)]
    return pc.is_in(values, pa.array([value.as_py() for value in wrong], pa.string()))


def _fits(value: pa.Scalar, target: pa.DataType) -> bool:
    try:
        value.cast(target)
    except pa.ArrowInvalid:
        return False
    return True


def _some(mask: pa.Array) -> pa.Array | None:
    return mask if pc.any(mask).as_py() else None


@dataclass
class BadValues:
    """The values of one column that do not fit its type: how many, and where the first ones stand."""

    column: str
    word: ColumnType
    count: int = 0
    examples: list[tuple[str, int, str]] = field(default_factory=list)

    def add(self, values: pa.Array, mask: pa.Array, origin: str, first_row: int) -> None:
        """Take note of the values of a batch that a mask points at."""
        self.count += pc.sum(mask).as_py()
        positions = pc.indices_nonzero(mask)[: MAX_EXAMPLES - len(self.examples)].to_pylist()
        self.examples += [(origin, first_row + index, _show(values[index].as_py())) for index in positions]

    def __str__(self) -> str:
        origin, row, value = self.examples[0]
        sentence = f"row {row} of {origin}, column {self.column}: {value} is {_wrong(value, self.word)}"
        others = [f"row {row} {value}" for _, row, value in self.examples[1:]]
        more = f" ({self.count} such values; also {', '.join(others)})" if others else ""
        return sentence + more


def _show(value: object) -> str:
    text = str(value) if isinstance(value, (int, float)) else repr(str(value))
    return text if len(text) <= 60 else f"{text[:57]}...'"


def _wrong(shown: str, word: ColumnType) -> str:
    return "infinite" if shown.strip("'+- ").lower() in ("inf", "infinity") else f"no {_NOUNS.get(word, word)}"


def misfit_error(found: list[BadValues]) -> SourceError:
    """The error that names every column with values that do not fit, and what to do."""
    hints = dict.fromkeys(hint for bad in found for hint in _hints(bad))
    return SourceError("\n".join(str(bad) for bad in found), hint="\n".join(hints))


def _hints(bad: BadValues) -> Iterator[str]:
    value = bad.examples[0][2].strip("'")
    digits = value.replace(",", "").replace(".", "").lstrip("+-")
    if bad.word in ("number", "integer") and "," in value and digits.isdigit():
        decimal = value.rfind(",") > value.rfind(".") and not _grouped(value)
        yield (
            "It is written with a decimal comma: export the file with decimal points."
            if decimal
            else "It is written with thousands separators: export the file without them."
        )
    elif _wrong(value, bad.word) == "infinite":
        yield "Infinite values cannot be learnt from: leave them blank, or correct them."
    elif bad.word == "date":
        yield (
            "A date is written 2026-01-31, with a time 2026-01-31T12:30:00, and in one column either all of them have "
            f"a zone (Z or +02:00) or none. Correct {bad.column}."
        )
    else:
        yield f"Correct the data, or change data.types.{bad.column} in mlkit.yaml."


def _grouped(value: str) -> bool:
    head, *groups = value.lstrip("+-").split(".")[0].split(",")
    return 0 < len(head) <= 3 and bool(groups) and all(len(group) == 3 for group in groups)
