"""A stretch of a source's rows that still knows where it came from, so that a bad value can be named by its row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from airflow_mlkit.data.types import Found

BATCH_ROWS = 65_536


@dataclass(frozen=True)
class Chunk:
    """Rows of one file or query as the source gives them. `first_row` counts from 1; a header row does not count."""

    batch: pa.RecordBatch
    origin: str
    first_row: int


class RawSource(Protocol):
    """Rows in the source's own types. `found` says what each column holds, `chunks` gives the rows in their order."""

    name: str
    found: dict[str, Found]

    def chunks(self) -> Iterator[Chunk]:
        """The rows, from the first one, each time it is called."""
        ...

    def close(self) -> None:
        """Let go of connections and temporary files."""
        ...
