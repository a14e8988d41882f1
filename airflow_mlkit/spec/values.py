"""The small values that specs are made of: names, durations, the words for a column's type."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"(\d{1,6})\s*([smhdw])")


class Declared(BaseModel):
    """Base of everything that people declare: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def parse_duration(text: Any) -> Any:
    """`45d` as a timedelta; s, m, h, d and w are seconds, minutes, hours, days and weeks.

    Raises:
        ValueError: when the text is no duration.
    """
    if isinstance(text, timedelta):
        return text
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r} is no duration; write a number and a unit, such as 45d, 12h or 30m")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def format_duration(duration: timedelta) -> str:
    """The shortest text that `parse_duration` reads back as the same timedelta.

    >>> format_duration(timedelta(days=14))
    '2w'
    """
    seconds = int(duration.total_seconds())
    for unit, size in (("w", 604800), ("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration, json_schema_input_type=str),
    PlainSerializer(format_duration, return_type=str),
]

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=50)]
"""A pipeline's name: lower case letters, digits and single hyphens. It becomes a Dag id, a folder and a registered model."""

ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Text = Annotated[str, StringConstraints(min_length=1)]
Scalar = bool | int | float | str
Fraction = Annotated[float, Field(gt=0, lt=1)]
StepName = Literal["extract", "validate", "split", "train", "evaluate", "gate", "promote", "predict"]
ColumnType = Literal["number", "integer", "category", "boolean", "date", "text"]
"""What a column holds. `category` is text from a limited list; `date` is a date or a timestamp."""
