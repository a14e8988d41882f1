"""Record batches put aside on disk until it is known what they have in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa


class Spool:
    """A file of record batches, each with a schema and with dictionaries of its own.

    It is written first, in a `with` block, and read afterwards, in the same order and as often as wanted.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sink = pa.OSFile(str(path), "wb")
        self._offsets: list[int] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sink.close()

    def append(self, batch: pa.RecordBatch) -> None:
        """Put a batch behind the others."""
        self._offsets.append(self._sink.tell())
        with pa.ipc.new_stream(self._sink, batch.schema) as writer:
            writer.write_batch(batch)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        with pa.memory_map(str(self._path)) as source:
            for offset in self._offsets:
                source.seek(offset)
                yield pa.ipc.open_stream(source).read_next_batch()
