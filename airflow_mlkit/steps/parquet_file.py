"""A parquet file that is there whole or not at all, local or in a bucket."""

from __future__ import annotations

import os
import tempfile
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from airflow_mlkit.rundir.run_directory import is_local


class ParquetFile:
    """Collects batches aside; `put_into_place` replaces the file that readers see, in one act of the store.

    A local file is written beside its place, under a name that readers of parquet folders pass over, and renamed; to
    a bucket it is sent in one upload, which becomes visible when it is complete.
    """

    def __init__(self, place: UPath) -> None:
        self.place = place
        self._writer: pq.ParquetWriter | None = None
        if is_local(place):
            folder = Path(place.path).parent
            folder.mkdir(parents=True, exist_ok=True)
        else:
            folder = Path(tempfile.gettempdir())
        self._aside = folder / f".{place.name}.{uuid.uuid4().hex}.tmp"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer:
            self._writer.close()
        self._aside.unlink(missing_ok=True)

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows. The first batch settles the columns."""
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._aside, batch.schema, compression="zstd")
        self._writer.write_batch(batch)

    def put_into_place(self) -> None:
        """Replace what readers see. At least one batch has been written."""
        if self._writer is None:
            raise ValueError("nothing was written")
        self._writer.close()
        if is_local(self.place):
            with self._aside.open("rb+") as file:
                os.fsync(file.fileno())
            self._aside.replace(self.place.path)
        else:
            self.place.fs.put_file(str(self._aside), self.place.path)
