"""A snapshot read piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

BATCH_ROWS = 1 << 16


def read_batches(
    snapshot: Path, columns: Sequence[str] | None = None, *, batch_rows: int = BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """The rows of a snapshot in their order, in batches of at most `batch_rows`.

    One row group after the other: over a whole file pyarrow reads ahead, and keeps all of it until the end.
    """
    with pq.ParquetFile(snapshot) as file:
        for group in range(file.num_row_groups):
            yield from file.iter_batches(
                batch_rows, row_groups=[group], columns=None if columns is None else [*columns]
            )
