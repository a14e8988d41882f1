"""Rows kept on this machine's disk between two passes, so that a source is read once and memory stays small."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from airflow_mlkit.data.chunk import Chunk

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


class ChunkStore:
    """A temporary Arrow file that gives back the chunks it was given. It is deleted when it is closed."""

    def __init__(self, schema: pa.Schema) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="mlkit-rows-")
        self._path = Path(self._folder.name) / "rows.arrows"
        self._places: list[tuple[str, int]] = []
        self._writer: pa.RecordBatchWriter | None = pa.ipc.new_stream(str(self._path), schema, options=_OPTIONS)

    def write(self, chunk: Chunk) -> None:
        """Keep a chunk. All of them are written before the first one is read."""
        assert self._writer is not None, "a store is written first and read afterwards"
        self._writer.write_batch(chunk.batch)
        self._places.append((chunk.origin, chunk.first_row))

    def read(self) -> Iterator[Chunk]:
        """All chunks in the order in which they were written."""
        self._end()
        with pa.OSFile(str(self._path)) as file, pa.ipc.open_stream(file) as reader:
            for batch, (origin, first_row) in zip(reader, self._places, strict=True):
                yield Chunk(batch, origin, first_row)

    def close(self) -> None:
        """Delete the file."""
        self._end()
        self._folder.cleanup()

    def _end(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
