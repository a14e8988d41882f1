"""A freeze: a person's word that nothing is promoted automatically until a day."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from airflow_mlkit.data.moment import to_utc
from airflow_mlkit.registry.chained_log import ChainedLog, ChainedRecord


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


class FreezeLog(ChainedLog[FreezeEntry]):
    """What people said about freezing one model, oldest first."""

    entry_type = FreezeEntry

    def active(self, now: datetime) -> FreezeEntry | None:
        """The freeze that holds at a moment; None where nothing keeps a model from being promoted.

        Raises:
            RegistryError: when the log is damaged: then nobody knows whether there is a freeze.
        """
        newest = self.head()
        return newest if newest and newest.until and to_utc(now) < to_utc(newest.until) else None
