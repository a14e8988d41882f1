"""Which holdout rows belong together: those of one entity, and copies of one row, are not independent of each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from airflow_mlkit.gates.numbers import count
from airflow_mlkit.spec.data import HashHoldout
from airflow_mlkit.steps.context import StepContext
from airflow_mlkit.steps.holdout_rows import read_holdout_rows

MOST_COMPARED = 1_000_000
"""Rows among which copies are looked for; more would cost more than it tells."""


@dataclass(frozen=True)
class Entities:
    """The entity of each holdout row, None where each row stands for itself, and what is to be said of it."""

    of_rows: NDArray[Any] | None
    notes: tuple[str, ...] = ()


def read_entities(context: StepContext) -> Entities:
    """By `evaluate.groups`; else by the holdout's key, where one key has several rows; else copies of a row are one."""
    spec = context.spec
    if spec.evaluate.groups is not None:
        return Entities(read_holdout_rows(context, [spec.evaluate.groups]).column(0).to_pandas().to_numpy())
    if isinstance(spec.data.holdout, HashHoldout) and (key := spec.data.holdout.key_columns):
        return _by_key(read_holdout_rows(context, key))
    return _by_content(read_holdout_rows(context))


def _by_key(keys: pa.Table) -> Entities:
    codes = keys.to_pandas().groupby(keys.column_names, dropna=False).ngroup().to_numpy()
    distinct = len(np.unique(codes))
    if distinct == len(codes):
        return Entities(None)
    said = (
        f"{count(len(codes), 'row')} have {distinct:,} different keys ({', '.join(keys.column_names)}); rows of one key"
    )
    return Entities(codes, (f"{said} count together",))


def _by_content(raw: pa.Table) -> Entities:
    """Rows that are the same in every column: whether by chance or because a feed was merged twice, nobody can tell."""
    import pandas as pd

    if not 0 < raw.num_rows <= MOST_COMPARED:
        return Entities(None)
    hashes = pd.util.hash_pandas_object(raw.to_pandas(), index=False).to_numpy()
    copies = len(hashes) - len(np.unique(hashes))
    return Entities(hashes if copies else None, _tell_copies(copies, len(hashes)))


def _tell_copies(copies: int, rows: int) -> tuple[str, ...]:
    # a few rows are alike by chance wherever columns have few values
    if copies * 20 <= rows:
        return ()
    found = f"{copies:,} of {count(rows, 'holdout row')} are the same as another in every column, and count together"
    return (f"{found}; name a column that tells rows apart in evaluate.groups, if there is one",)
