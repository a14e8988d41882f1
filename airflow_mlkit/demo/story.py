"""The demo's three retrains: what each is about, what it does to the data, and how it must end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from airflow_mlkit.demo.payments import PAYMENTS_A_DAY, break_amounts, make_payments, write_payments

SPRING_DAYS = 90
WEEK = 7


@dataclass(frozen=True)
class Chapter:
    """One retrain of the demo. `ends` is the state of its last step: success, failed or skipped."""

    title: str
    story: str
    days: int
    last_step: str
    ends: str
    conf: dict[str, Any] = field(default_factory=dict)
    change: Callable[[pa.Table], pa.Table] = lambda payments: payments
    hour: int = 0

    @property
    def as_of(self) -> datetime:
        """The moment of the retrain: an hour of the night after the newest day. No two runs of a Dag share one."""
        return datetime.combine(find_first_day() + timedelta(days=self.days), time(self.hour), tzinfo=UTC)

    def deliver(self, path: Path) -> None:
        """Put the data in place, as an upstream job would."""
        write_payments(self.change(make_payments(self.days, first_day=find_first_day())), path)


def find_first_day() -> date:
    """The demo's first day, so that its last one was yesterday and a retrain of today finds fresh data."""
    return datetime.now(UTC).date() - timedelta(days=SPRING_DAYS + WEEK)


CHAPTERS = (
    Chapter(
        "the first retrain",
        "Three months of card payments. There is no champion yet: the absolute gates decide.",
        days=SPRING_DAYS,
        last_step="promote",
        ends="success",
    ),
    Chapter(
        "broken data",
        "A week later an upstream change delivers negative and missing amounts. Validation stops it before training.",
        days=SPRING_DAYS + WEEK,
        change=lambda payments: break_amounts(payments, last=WEEK * PAYMENTS_A_DAY),
        last_step="validate",
        ends="failed",
    ),
    Chapter(
        "a worse challenger",
        "The data is mended. Somebody tries three shallow trees in the trigger form: worse, so held back.",
        days=SPRING_DAYS + WEEK,
        conf={"n_estimators": 3, "max_depth": 1},
        hour=1,
        last_step="promote",
        ends="skipped",
    ),
)
