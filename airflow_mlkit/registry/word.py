"""A person's word: who says so, and why."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from airflow_mlkit.exceptions import UserError

MAX_NAME, MAX_REASON = 200, 4000

_NO_TEXT = {"Cc", "Cs"}
"""Unicode's categories of control characters, which a terminal would obey, and of bytes that are no UTF-8."""


@dataclass(frozen=True)
class Word:
    """Who says so, and why. The reason may have several lines.

    Raises:
        UserError: when one of them is empty, too long, or holds what is no text.
    """

    by: str
    reason: str

    def __post_init__(self) -> None:
        _check("--by", self.by, MAX_NAME, allowed="")
        _check("--reason", self.reason, MAX_REASON, allowed="\n\r\t")


def _check(option: str, text: str, most: int, *, allowed: str) -> None:
    if not text.strip():
        raise UserError(f"{option} is empty.", hint="It stands in the champion log: say it in a few words.")
    if len(text) > most:
        raise UserError(f"{option} has {len(text):,} characters; at most {most:,} fit.")
    for char in text:
        if unicodedata.category(char) in _NO_TEXT and char not in allowed:
            raise UserError(f"{option} holds {char!a}, which is no text.", hint="Type it again.")
