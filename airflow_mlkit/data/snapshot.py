"""The snapshot: the rows of one run, written once and read by every later step."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from airflow_mlkit.data.content_hash import ContentHash

ROW_GROUP = 131_072


class SnapshotWriter:
    """A parquet file with row groups of one size, however the batches come, and the hash of its content."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        self._hash = ContentHash(schema)
        self._waiting: list[pa.RecordBatch] = []
        self._count = 0
        self.present = dict.fromkeys(schema.names, 0)

    @property
    def rows(self) -> int:
        """How many rows were written so far."""
        return self._hash.rows

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        if not len(batch):
            return
        self._hash.update(batch)
        for name in self.present:
            self.present[name] += len(batch) - batch.column(name).null_count
        self._waiting.append(batch)
        self._count += len(batch)
        if self._count >= ROW_GROUP:
            self._flush(self._count - self._count % ROW_GROUP)

    @property
    def content_hash(self) -> str:
        """The hash of the rows that were written."""
        return self._hash.hexdigest()

    def close(self) -> None:
        """End the file."""
        if self._count:
            self._flush(self._count)
        self._writer.close()

    def _flush(self, rows: int) -> None:
        table = pa.Table.from_batches(self._waiting)
        self._writer.write_table(table.slice(0, rows).combine_chunks(), row_group_size=ROW_GROUP)
        rest = table.slice(rows)
        self._waiting, self._count = rest.to_batches(), len(rest)
