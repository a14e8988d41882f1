"""Which rows of a new file to hold out: the newest ones where there are dates, else a share decided by a hash."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from airflow_mlkit.data.column_profile import ColumnProfile
from airflow_mlkit.data.label_profile import LabelProfile, encode_classes
from airflow_mlkit.data.leaks import Mask
from airflow_mlkit.spec.data import DateRangeHoldout, HashHoldout

FRACTION = 0.2
"""The share of the rows that is held out, nearly so where the holdout is cut by date."""

_MICROSECONDS_PER_DAY = 86_400_000_000
_MIN_DAYS, _MAX_DAYS = 14, 30 * 365
_NO_EVENT = re.compile(r"birth|born|dob|expir|valid|due|until|renew|next", re.IGNORECASE)
_EVENT = re.compile(r"creat|time|event|order|paid|pay|occur|date|day", re.IGNORECASE)


@dataclass(frozen=True)
class HoldoutChoice:
    """Which rows are held out, why, and the date column that goes with it."""

    holdout: DateRangeHoldout | HashHoldout
    reason: str
    date_column: str | None = None
    share: float = FRACTION


def choose_holdout(
    columns: Iterable[ColumnProfile],
    label: ColumnProfile,
    found: LabelProfile,
    *,
    key: str | None,
    salt: str,
) -> HoldoutChoice:
    """Choose the holdout of a new project.

    A date column is used when it is never missing, covers at least two weeks and at most thirty years, and is not
    named like a birthday or a due date; the newest fifth of the rows is held out, provided that every class is in both
    parts. Without one a fifth is held out by the hash of the key, or of all columns.
    """
    dated = sorted((column for column in columns if _is_event_date(column)), key=_plainness)
    for column in dated:
        choice = _by_date(column, label, found)
        if choice:
            return choice
    reason = f"no date column; a fifth of the rows by the hash of {key or 'all columns'}"
    return HoldoutChoice(HashHoldout(sampling="hash", key=key, fraction=FRACTION, salt=salt), reason)


def _is_event_date(column: ColumnProfile) -> bool:
    if column.type != "date" or column.missing or _NO_EVENT.search(column.name):
        return False
    days = (column.quantiles[-1] - column.quantiles[0]) / _MICROSECONDS_PER_DAY
    return _MIN_DAYS <= days <= _MAX_DAYS


def _plainness(column: ColumnProfile) -> tuple[bool, str]:
    return not _EVENT.search(column.name), column.name


def _by_date(column: ColumnProfile, label: ColumnProfile, found: LabelProfile) -> HoldoutChoice | None:
    """The newest stretch. It rolls: a holdout of fixed dates would judge next year's model by this year's rows."""
    newest = column.quantiles[-1]
    days = max(1, math.ceil((newest - float(np.quantile(column.numbers, 1 - FRACTION))) / _MICROSECONDS_PER_DAY))
    held = column.numbers > newest - days * _MICROSECONDS_PER_DAY
    if not 0.05 <= held.mean() <= 0.5 or not _has_every_class(held, label, found):
        return None
    share = float(held.mean())
    reason = f"the newest {share:.0%} of the rows by {column.name}; it rolls on with the data"
    return HoldoutChoice(DateRangeHoldout(sampling="date_range", last=timedelta(days=days)), reason, column.name, share)


def _has_every_class(held: Mask, label: ColumnProfile, found: LabelProfile) -> bool:
    """Whether both parts have every class of the label."""
    if found.kind == "regression":
        return True
    codes = encode_classes(label, found)
    return all(len(set(codes[part & (codes >= 0)])) == len(found.classes) for part in (held, ~held))
