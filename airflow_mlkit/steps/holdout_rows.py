"""The holdout's rows as they came from the source, before any features() was asked."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_mlkit.steps.context import StepContext


def read_holdout_rows(context: StepContext, columns: Sequence[str] | None = None) -> pa.Table:
    """The raw rows of the run's holdout, in the order of its scores.

    Args:
        context: of a step that comes after split.
        columns: only these; all when not given.
    """
    path = context.input("split").file("holdout_raw.parquet")
    return pq.read_table(path, columns=None if columns is None else list(columns))
