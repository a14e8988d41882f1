"""A person's word: who says so, and why."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_mlkit.exceptions import UserError

MAX_REASON = 4000


@dataclass(frozen=True)
class Word:
    """Who says so, and why.

    Raises:
        UserError: when one of them is empty, too long, or no text.
    """

    by: str
    reason: str

    def __post_init__(self) -> None:
        for name, text, most in (("--by", self.by, 200), ("--reason", self.reason, MAX_REASON)):
            if not text.strip():
                raise UserError(f"{name} is empty.", hint="It stands in the champion log: say it in a few words.")
            if len(text) > most:
                raise UserError(f"{name} has {len(text):,} characters; at most {most:,} fit.")
            if not text.isascii() and text.encode("utf-8", "replace").decode() != text:
                raise UserError(f"{name} is no valid UTF-8.", hint="Type it again.")
