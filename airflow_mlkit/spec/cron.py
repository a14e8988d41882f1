"""Cron expressions as Airflow reads them: five fields, or a word that stands for them."""

from __future__ import annotations

import re
from dataclasses import dataclass

CRON_WORDS = ("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
"""What Airflow calls presets."""

_PART = re.compile(r"(?P<first>\*|\w+)(-(?P<last>\w+))?(/(?P<every>\d+))?")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    words: tuple[str, ...] = ()
    special: str = r"(?!)"

    def takes(self, text: str) -> bool:
        return all(self._takes_part(part) for part in text.split(","))

    def _takes_part(self, part: str) -> bool:
        if re.fullmatch(self.special, part, re.IGNORECASE):
            return True
        found = _PART.fullmatch(part)
        if found is None:
            return False
        ends = [text for text in (found["first"], found["last"]) if text]
        in_range = (found["first"] == "*" and found["last"] is None) or all(map(self._is_value, ends))
        return in_range and found["every"] != "0"

    def _is_value(self, text: str) -> bool:
        if text.isascii() and text.isdecimal():
            return self.low <= int(text) <= self.high
        return text.lower() in self.words


CRON_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31, special="L"),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 7, _DAYS, special=r"[0-7]#[1-5]|L[0-7]"),
)
"""In the order in which they are written."""


def find_cron_problem(text: str) -> str | None:
    """What keeps a text from being a cron expression, as the end of a sentence; None when it is one.

    >>> find_cron_problem("61 * * * *")
    "its minute is '61', which is not between 0 and 59"
    """
    if text in CRON_WORDS:
        return None
    given = text.split()
    if len(given) != len(CRON_FIELDS):
        return f'write one of {", ".join(CRON_WORDS)}, or five fields such as "0 6 * * 1"'
    for field, value in zip(CRON_FIELDS, given, strict=True):
        if not field.takes(value):
            return f"its {field.name} is {value!r}, which is not between {field.low} and {field.high}"
    return None
