"""A freeze: a person's word that nothing is promoted automatically until a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from airflow_mlkit.data.moment import to_utc
from airflow_mlkit.exceptions import UserError
from airflow_mlkit.registry.chained_log import ChainedLog, ChainedRecord
from airflow_mlkit.registry.word import Word


class FreezeEntry(ChainedRecord):
    """`<champions>/<model>/freezes/<n>.json`: created once, never changed. The newest one counts.

    Attributes:
        until: when a freeze ends by itself; None for its lifting.
        at: when it was said, by the clock of whoever said it.
        by: who said it.
    """

    action: Literal["freeze", "unfreeze"]
    until: datetime | None = None
    at: datetime
    by: str
    reason: str

    def holds(self, now: datetime) -> bool:
        """Whether it keeps the model from being promoted at a moment, as long as nothing newer was said."""
        return self.until is not None and to_utc(now) < to_utc(self.until)


class FreezeLog(ChainedLog[FreezeEntry]):
    """What people said about freezing one model, oldest first."""

    entry_type = FreezeEntry

    def active(self, now: datetime) -> FreezeEntry | None:
        """The freeze that holds at a moment; None where nothing keeps a model from being promoted.

        Raises:
            RegistryError: when the log is damaged: then nobody knows whether there is a freeze.
        """
        newest = self.head()
        return newest if newest and newest.holds(now) else None

    def freeze(self, word: Word, until: datetime) -> FreezeEntry | None:
        """Keep the model from being promoted automatically until a moment. A later freeze takes this one's place.

        Args:
            word: who says so, and why.
            until: in the future.

        Returns:
            The new entry; None where the newest one says so already.

        Raises:
            UserError: when the moment has passed.
            RegistryError: when the log is damaged or cannot be written to.
        """
        if to_utc(until) <= datetime.now(UTC):
            raise UserError(f"--until {to_utc(until):%Y-%m-%d %H:%M} UTC has passed.", hint="Name a moment to come.")

        def decide(entries: Sequence[FreezeEntry]) -> FreezeEntry | None:
            newest = entries[-1] if entries else None
            said = newest and (newest.until, newest.by, newest.reason) == (until, word.by, word.reason)
            return None if said else _write_entry(len(entries) + 1, word, until)

        return self.extend(decide)

    def unfreeze(self, word: Word) -> FreezeEntry | None:
        """End a freeze before its moment. Returns the new entry; None where nothing is frozen.

        Raises:
            RegistryError: when the log is damaged or cannot be written to.
        """

        def decide(entries: Sequence[FreezeEntry]) -> FreezeEntry | None:
            frozen = entries and entries[-1].holds(datetime.now(UTC))
            return _write_entry(len(entries) + 1, word, None) if frozen else None

        return self.extend(decide)


def _write_entry(n: int, word: Word, until: datetime | None) -> FreezeEntry:
    return FreezeEntry(
        n=n,
        action="freeze" if until else "unfreeze",
        until=until,
        at=datetime.now(UTC),
        by=word.by,
        reason=word.reason,
    )
