"""From a snapshot to its parts, however the holdout is declared; docs/reference/holdout.md describes it for users."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from airflow_mlkit.data.assignment import Assignment, Mask
from airflow_mlkit.data.date_holdout import Moments, assign_by_date, to_datetime, to_moments
from airflow_mlkit.data.hash_holdout import assign_by_hash
from airflow_mlkit.data.key_hash import missing
from airflow_mlkit.data.split_record import PARTS, Part
from airflow_mlkit.exceptions import DataError, SplitError
from airflow_mlkit.spec.data import DataSpec, HashHoldout


def assign_parts(snapshot: Path, data: DataSpec, unlabelled: Mask, as_of: datetime | None) -> Assignment:
    """Assign each row of a snapshot to a part.

    Args:
        snapshot: the parquet file.
        data: what the spec declares of it.
        unlabelled: which rows have no label.
        as_of: the run's moment.

    Raises:
        SplitError: when a part would be empty.
        DataError: when a row has no date, or no key.
    """
    if unlabelled.all():
        raise SplitError(
            f"none of the {len(unlabelled):,} rows of the snapshot has a label in {data.label!r}.",
            hint="Look at data.filters and label_matures_after in mlkit.yaml, and at the source.",
        )
    if isinstance(data.holdout, HashHoldout):
        assignment = assign_by_hash(snapshot, unlabelled, data, data.holdout)
    else:
        moments = _read_moments(snapshot, str(data.date_column))
        maturity = data.label_matures_after
        assignment = assign_by_date(moments, unlabelled, data.holdout, as_of=as_of, maturity=maturity)
    _refuse_empty(assignment, snapshot, data, as_of)
    return assignment


def find_dates(snapshot: Path, name: str | None, assignment: Assignment) -> dict[Part, tuple[datetime, datetime]]:
    """The oldest and the newest date of each part; empty without a date column."""
    if name is None:
        return {}
    dates = _read_column(snapshot, name)
    found: dict[Part, tuple[datetime, datetime]] = {}
    for part in PARTS:
        moments = to_moments(dates.filter(pa.array(assignment.rows(part))).drop_null())
        if len(moments):
            found[part] = to_datetime(int(moments.min())), to_datetime(int(moments.max()))
    return found


def _read_moments(snapshot: Path, name: str) -> Moments:
    dates = _read_column(snapshot, name)
    absent = missing(dates).to_numpy()
    if absent.any():
        raise DataError(
            f"{int(absent.sum()):,} of {len(dates):,} rows have no date in {name!r}; the first one is row "
            f"{int(np.argmax(absent)) + 1} of the snapshot.",
            hint="Fill it at the source, or leave these rows out with data.filters (predicate: NotNull).",
        )
    return to_moments(dates)


def _read_column(snapshot: Path, name: str) -> pa.ChunkedArray:
    column = pq.read_table(snapshot, columns=[name]).column(name)
    if not pa.types.is_temporal(column.type):
        raise DataError(
            f"the date column {name!r} holds {column.type}, not dates.",
            hint=f"Write types: {{{name}: date}} under data in mlkit.yaml.",
        )
    return column


def _refuse_empty(assignment: Assignment, snapshot: Path, data: DataSpec, as_of: datetime | None) -> None:
    rows = assignment.count()
    if rows.holdout and rows.training and rows.validation:
        return
    empty = "holdout" if not rows.holdout else "training" if not rows.training + rows.validation else "validation"
    raise SplitError(
        f"no row is left for the {empty} part: {rows.training + rows.validation:,} training rows, {rows.holdout:,} "
        f"held out, {rows.outside:,} after the holdout, {rows.unlabelled:,} without a label."
        + _where(assignment, snapshot, data, as_of),
        hint=_advice(empty, data),
    )


def _where(assignment: Assignment, snapshot: Path, data: DataSpec, as_of: datetime | None) -> str:
    sampling = assignment.sampling
    if sampling.sampling == "hash" or sampling.holdout_from is None:
        return ""
    moments = _read_moments(snapshot, str(data.date_column))
    oldest, newest = to_datetime(int(moments.min())), to_datetime(int(moments.max()))
    until = f" until {sampling.holdout_until:%Y-%m-%d}" if sampling.holdout_until else ""
    moment = f", as_of is {as_of:%Y-%m-%d %H:%M}" if as_of else ""
    return (
        f"\nThe rows are dated {oldest:%Y-%m-%d %H:%M} to {newest:%Y-%m-%d %H:%M}{moment}; the holdout begins "
        f"{sampling.holdout_from:%Y-%m-%d %H:%M}{until}."
    )


def _advice(empty: str, data: DataSpec) -> str:
    if data.holdout.sampling == "hash":
        return {
            "holdout": "Raise data.holdout.fraction in mlkit.yaml, or choose a key with more values.",
            "training": "Lower data.holdout.fraction in mlkit.yaml, or choose a key with more values.",
            "validation": "There are too few rows, or too few values of data.holdout.key; bring more of them.",
        }[empty]
    return {
        "holdout": "Choose dates that the data has under data.holdout in mlkit.yaml, or a rolling one: last: 30d.",
        "training": "Let data.holdout in mlkit.yaml begin later, or write a shorter last.",
        "validation": "The training rows are all of one date; let data.holdout begin later, or hold out by hash.",
    }[empty]
