"""Which holdout rows belong together: those of one entity, and copies of one row, are not independent of each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from airflow_mlkit.gates.numbers import count
from airflow_mlkit.spec.data import HashHoldout
from airflow_mlkit.steps.context import StepContext

MOST_COMPARED = 1_000_000
"""Rows among which copies are looked for; more would cost more than it tells."""


@dataclass(frozen=True)
class Entities:
    """The entity of each holdout row, None where each row stands for itself, and what is to be said of it."""

    of_rows: NDArray[Any] | None
    notes: tuple[str, ...] = ()


def read_entities(context: StepContext) -> Entities:
    """By `evaluate.groups`; else by the holdout's key, where one key has several rows."""
    spec = context.spec
    if spec.evaluate.groups is not None:
        return Entities(_read(context, [spec.evaluate.groups]).column(0).to_pandas().to_numpy())
    if isinstance(spec.data.holdout, HashHoldout) and (key := spec.data.holdout.key_columns):
        return _by_key(_read(context, list(key)))
    return Entities(None, _tell_copies(_read(context, None)))


def _by_key(keys: pa.Table) -> Entities:
    codes = keys.to_pandas().groupby(keys.column_names, dropna=False).ngroup().to_numpy()
    distinct = len(np.unique(codes))
    if distinct == len(codes):
        return Entities(None)
    said = (
        f"{count(len(codes), 'row')} have {distinct:,} different keys ({', '.join(keys.column_names)}); rows of one key"
    )
    return Entities(codes, (f"{said} count together",))


def _tell_copies(raw: pa.Table) -> tuple[str, ...]:
    if not 0 < raw.num_rows <= MOST_COMPARED:
        return ()
    distinct = raw.group_by(raw.column_names).aggregate([]).num_rows
    copies = raw.num_rows - distinct
    # a few rows are alike by chance wherever columns have few values
    if copies * 20 <= raw.num_rows:
        return ()
    found = f"{copies:,} of {count(raw.num_rows, 'holdout row')} are the same as another one in every column"
    what = "if a feed was merged twice, the interval is too narrow"
    return (f"{found}; {what}: name the column that tells rows apart in evaluate.groups",)


def _read(context: StepContext, columns: list[str] | None) -> pa.Table:
    return pq.read_table(context.input("split").file("holdout_raw.parquet"), columns=columns)
