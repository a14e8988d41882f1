"""The small values that specs are made of: names, durations, numbers, the words for a column's type."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta
from keyword import iskeyword
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, StringConstraints, WithJsonSchema

from airflow_mlkit.spec.cron import find_cron_problem
from airflow_mlkit.spec.declared import Declared, shorten

__all__ = [
    "ClassPath",
    "ColumnName",
    "ColumnType",
    "Confidence",
    "ConnectionId",
    "Cron",
    "Declared",
    "Duration",
    "Fraction",
    "Location",
    "Name",
    "NotNegative",
    "Number",
    "Params",
    "PositiveDuration",
    "Prose",
    "Scalar",
    "StepName",
    "Text",
    "Value",
    "Whole",
    "format_duration",
    "has_user",
    "parse_duration",
]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"(\d{1,6})\s*([smhdw])")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_CONNECTION = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)
_USERINFO = re.compile(r"://[^/\s]*@")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")


def parse_duration(text: Any) -> timedelta:
    """`45d` as a timedelta; s, m, h, d and w are seconds, minutes, hours, days and weeks.

    Raises:
        ValueError: when the text is no duration.
    """
    if isinstance(text, timedelta):
        return text
    match = _DURATION.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{shorten(text)} is no duration; write a number and a unit, such as 45d, 12h or 30m")
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


def _check_positive(given: timedelta) -> timedelta:
    if not given:
        raise ValueError(f"{format_duration(given)} is no time; write a longer one, such as 30m, or leave the key out")
    return given


def _check_name(given: Any) -> Any:
    if not isinstance(given, str) or (_NAME.fullmatch(given) and len(given) <= 50):
        return given
    if len(given) > 50:
        raise ValueError(f"{shorten(given)} is longer than 50 characters; take a shorter name")
    near = re.sub(r"[^a-z0-9]+", "-", given.lower()).strip("-0123456789")
    such = near if _NAME.fullmatch(near) else "card-fraud"
    raise ValueError(
        f"{shorten(given)} is no name; write lower case letters, digits and single hyphens, and a letter first, "
        f"such as {such}"
    )


def _check_connection(given: str) -> str:
    if not _CONNECTION.fullmatch(given):
        raise ValueError(f"{shorten(given)} is no connection id; write letters, digits, and _ . - between them")
    return given


def _check_class_path(given: str) -> str:
    module, colon, name = given.partition(":")
    words = [*module.split("."), name]
    if not colon or not all(word.isascii() and word.isidentifier() and not iskeyword(word) for word in words):
        raise ValueError(
            f"{shorten(given)} names no class; write package.module:ClassName, such as card_fraud.workflow:CardFraud"
        )
    return given


def _check_cron(given: str) -> str:
    problem = find_cron_problem(given)
    if problem:
        raise ValueError(f"{shorten(given)} is no cron expression; {problem}")
    return given


def _check_line(given: str) -> str:
    if _CONTROL.search(given):
        raise ValueError(f"{shorten(given)} has a line break or a control character in it; write it on one line")
    if not given.strip():
        raise ValueError("is blank; write something, or leave the key out")
    return given


def has_user(address: str) -> bool:
    """Whether an address has a user name or a password in it: `https://ana:secret@host`."""
    return _USERINFO.search(address) is not None


def _check_location(given: str) -> str:
    if has_user(given):
        raise ValueError(
            "has a user name or a password in it; take it out: mlkit.yaml is kept with every model, and credentials "
            "come from the environment"
        )
    return given


def _check_scalar(given: Any) -> Any:
    if isinstance(given, float) and not math.isfinite(given):
        raise ValueError(f"{given} is no value to compare with; IsNull and NotNull find what is missing")
    if not isinstance(given, bool | int | float | str | date):
        raise ValueError(f"{shorten(given)} is no single value; write a text, a number, a date, true or false")
    return given


def _check_whole(given: Any) -> Any:
    if isinstance(given, bool):
        raise ValueError(f"{str(given).lower()} is no whole number; write digits, such as 500")
    return given


def _check_number(given: Any) -> Any:
    if isinstance(given, bool):
        raise ValueError(f"{str(given).lower()} is no number; write one such as 0.9")
    return given


def _check_params(given: Any, where: str = "") -> Any:
    """Only what JSON can say (and dates): the spec is hashed, and travels to other machines."""
    if isinstance(given, dict):
        for key, value in given.items():
            _check_params(value, f"{where}{key}: ")
    elif isinstance(given, list | tuple):
        for value in given:
            _check_params(value, where)
    elif isinstance(given, float) and not math.isfinite(given):
        raise ValueError(f"{where}{given} is no finite number; leave the key out, or set it in the workflow's code")
    elif given is not None and not isinstance(given, bool | int | float | str | date):
        raise ValueError(f"{where}{shorten(given)} cannot be kept; write texts, numbers, lists and mappings")
    return given


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\s*\d{1,6}\s*[smhdw]\s*$", "examples": ["45d", "12h", "30m"]}),
]
"""A length of time, such as `45d`."""

PositiveDuration = Annotated[Duration, AfterValidator(_check_positive)]
"""A length of time that is not 0."""

Name = Annotated[
    str, BeforeValidator(_check_name), StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=50)
]
"""Lower case letters, digits and single hyphens. A pipeline's becomes a Dag id, a folder and a registered model."""

Text = Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_line)]
"""One line of text."""

Location = Annotated[Text, AfterValidator(_check_location)]
"""A path or an address, without credentials."""

Prose = Annotated[str, StringConstraints(max_length=10_000)]
"""Text of any number of lines."""

ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""A column as the data calls it. Anything may stand in it: it is looked up, and never run, formatted or made a path."""

ConnectionId = Annotated[Text, AfterValidator(_check_connection)]
ClassPath = Annotated[Text, AfterValidator(_check_class_path)]
Cron = Annotated[Text, AfterValidator(_check_cron)]
Whole = Annotated[int, BeforeValidator(_check_whole)]
Number = Annotated[float, BeforeValidator(_check_number)]
NotNegative = Annotated[float, Field(ge=0), BeforeValidator(_check_number)]
Fraction = Annotated[float, Field(gt=0, lt=1), BeforeValidator(_check_number)]
Confidence = Annotated[float, Field(gt=0.5, lt=1), BeforeValidator(_check_number)]
Params = Annotated[dict[str, Any], AfterValidator(_check_params)]
Scalar = bool | int | float | str
Value = Annotated[bool | int | float | str | datetime | date, BeforeValidator(_check_scalar)]
"""A single value to compare a column with."""

StepName = Literal["extract", "validate", "split", "train", "evaluate", "gate", "promote", "predict"]
ColumnType = Literal["number", "integer", "category", "boolean", "date", "text"]
"""What a column holds. `category` is text from a limited list; `date` is a date or a timestamp."""
