"""A holdout of the newest rows: between two dates, or the last stretch before the labels are too young."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from airflow_mlkit.data.assignment import (
    HOLDOUT,
    OUTSIDE,
    TRAINING,
    UNLABELLED,
    VALIDATION,
    VALIDATION_FRACTION,
    Assignment,
    Mask,
)
from airflow_mlkit.data.split_record import SamplingRecord
from airflow_mlkit.spec.data import DateRangeHoldout

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Moments = npt.NDArray[np.int64]
"""Microseconds since 1970, in UTC; a date without a zone counts as UTC."""


def assign_by_date(
    moments: Moments, unlabelled: Mask, holdout: DateRangeHoldout, *, as_of: datetime | None, maturity: timedelta | None
) -> Assignment:
    """Hold out the newest rows, and cut the validation part from the newest of the others.

    Args:
        moments: each row's date.
        unlabelled: which rows have no label, not all of them; they are in no part.
        holdout: fixed, `start <= date < end` with rows from `end` on in no part; or rolling, `date > newest - last`.
        as_of: the run's moment.
        maturity: how old a label has to be, counted from as_of.
    """
    low, high = _range(moments[~unlabelled], holdout, as_of, maturity)
    codes = np.full(len(moments), TRAINING, dtype=np.int8)
    codes[moments >= low] = HOLDOUT
    if high is not None:
        codes[moments >= high] = OUTSIDE
    codes[unlabelled] = UNLABELLED
    cut = find_cut(moments[codes == TRAINING], VALIDATION_FRACTION)
    if cut is not None:
        codes[(codes == TRAINING) & (moments >= cut)] = VALIDATION
    return Assignment(codes, _describe(low, high, cut))


def to_moments(dates: pa.ChunkedArray) -> Moments:
    """A column of dates without missing values as microseconds since 1970."""
    zone = dates.type.tz if pa.types.is_timestamp(dates.type) else None
    moments: Moments = dates.cast(pa.timestamp("us", zone)).cast(pa.int64()).to_numpy()
    return moments


def to_datetime(moment: int) -> datetime:
    """A moment as a datetime in UTC."""
    return EPOCH + timedelta(microseconds=moment)


def find_cut(moments: Moments, fraction: float) -> int | None:
    """From which moment on rows are cut off, so that their share is as near to the fraction as it can be.

    Rows of one moment stay together. None when all rows are of one moment, which cannot be cut.
    """
    distinct, counts = np.unique(moments, return_counts=True)
    if len(distinct) < 2:
        return None
    cut_off = np.cumsum(counts[::-1])[::-1][1:]
    nearest = int(np.argmin(np.abs(cut_off - fraction * len(moments))))
    return int(distinct[nearest + 1])


def _range(
    moments: Moments, holdout: DateRangeHoldout, as_of: datetime | None, maturity: timedelta | None
) -> tuple[int, int | None]:
    """The holdout's first moment, and the first one after it; a rolling holdout is open at its end."""
    if holdout.last is None:
        return _to_moment(holdout.start or date.min), _to_moment(holdout.end or date.max)
    newest = int(moments.max())
    if as_of is not None:
        # the older of the two: rows that arrive late still make a whole stretch, and fresh_within refuses a stale copy
        newest = min(newest, _to_moment(as_of - (maturity or timedelta())))
    return newest - _microseconds(holdout.last) + 1, None


def _describe(low: int, high: int | None, cut: int | None) -> SamplingRecord:
    return SamplingRecord(
        sampling="date_range",
        holdout_from=to_datetime(low),
        holdout_until=None if high is None else to_datetime(high),
        validation_from=None if cut is None else to_datetime(cut),
        validation_fraction=VALIDATION_FRACTION,
    )


def _to_moment(day: date | datetime) -> int:
    midnight = day if isinstance(day, datetime) else datetime.combine(day, time(), UTC)
    return _microseconds(midnight.astimezone(UTC) - EPOCH)


def _microseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
