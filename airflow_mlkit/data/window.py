"""Which rows a run may see by their date: what it could have known at its as_of, and the dates it was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from airflow_mlkit.data.moment import to_utc
from airflow_mlkit.exceptions import FreshnessError
from airflow_mlkit.spec.values import format_duration


@dataclass
class DateWindow:
    """Leaves out rows that are later than the as_of, whose label is not yet known, or outside of the training dates.

    A row without a date is left out too: nobody can tell whether it was known at the as_of. A date without a zone is
    taken as UTC.

    Attributes:
        left_out: how many rows, for each reason; a row counts for the first reason that fits.
        newest: the newest date up to the as_of among all rows, whether or not its label is known.
    """

    column: str
    as_of: datetime | None = None
    matures_after: timedelta | None = None
    start: date | None = None
    end: date | None = None
    left_out: dict[str, int] = field(default_factory=dict)
    newest: datetime | None = None

    def keep(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of a batch that the run may see."""
        batch = self._drop(batch, "undated", batch.column(self.column).is_valid())
        if self.as_of is not None:
            known = pc.less_equal(batch.column(self.column), self._scalar(batch, self.as_of))
            batch = self._drop(batch, "after_as_of", known)
        self._note_newest(batch)
        if self.as_of is not None and self.matures_after is not None:
            matured = pc.less_equal(batch.column(self.column), self._scalar(batch, self.as_of - self.matures_after))
            batch = self._drop(batch, "immature", matured)
        if self.start is not None:
            since = pc.greater_equal(batch.column(self.column), self._scalar(batch, _midnight(self.start)))
            batch = self._drop(batch, "training_dates", since)
        if self.end is not None:
            until = pc.less(batch.column(self.column), self._scalar(batch, _midnight(self.end)))
            batch = self._drop(batch, "training_dates", until)
        return batch

    def _drop(self, batch: pa.RecordBatch, reason: str, kept: pa.Array) -> pa.RecordBatch:
        remaining = batch.filter(kept)
        self.left_out[reason] = self.left_out.get(reason, 0) + len(batch) - len(remaining)
        return remaining

    def _scalar(self, batch: pa.RecordBatch, moment: datetime) -> pa.Scalar:
        kind = batch.schema.field(self.column).type
        return pa.scalar(to_utc(moment) if kind.tz else to_utc(moment).replace(tzinfo=None), kind)

    def _note_newest(self, batch: pa.RecordBatch) -> None:
        newest = newest_date(batch, self.column)
        if newest is not None and (self.newest is None or newest > self.newest):
            self.newest = newest


def newest_date(batch: pa.RecordBatch, column: str) -> datetime | None:
    """The newest date of a batch, in UTC; None where there is none."""
    found = pc.max(batch.column(column)).as_py()
    return to_utc(found) if found is not None else None


def oldest_date(batch: pa.RecordBatch, column: str) -> datetime | None:
    """The oldest date of a batch, in UTC; None where there is none."""
    found = pc.min(batch.column(column)).as_py()
    return to_utc(found) if found is not None else None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def check_freshness(newest: datetime | None, as_of: datetime, fresh_within: timedelta, source: str) -> None:
    """Stop when the newest row is too old: the copy did not arrive.

    Args:
        newest: the newest date among the rows up to the as_of.
        as_of: the run's moment.
        fresh_within: how much older the newest row may be.
        source: how the message names the source.

    Raises:
        FreshnessError: when it is older.
    """
    if newest is not None and newest >= as_of - fresh_within:
        return
    age = f"its newest row is of {_show(newest)}" if newest else "it has no row up to then"
    raise FreshnessError(
        f"{source} is not fresh at {_show(as_of)}: {age}, and data.fresh_within is {format_duration(fresh_within)}.",
        hint="Did today's copy arrive? Bring the data up to date and start again; or allow more in data.fresh_within.",
    )


def _show(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
