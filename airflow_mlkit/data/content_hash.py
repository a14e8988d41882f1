"""The identity of rows by their content: the same rows in the same order have the same hash.

Batches, files, formats and platforms do not count; types and the order of rows do, so a query wants an ORDER BY. For
each column these are hashed, each as one long stream: which values are there, their little-endian bytes (zero where
missing), for text its UTF-8 bytes and lengths. The hash is the sha256 of the canonical JSON of the columns' digests, so
that the order of columns does not count.
"""

from __future__ import annotations

import hashlib
import sys
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from airflow_mlkit.rundir.canonical import hash_value


class ContentHash:
    """A hash that grows with each batch of rows."""

    def __init__(self, schema: pa.Schema) -> None:
        self._types = {field.name: str(field.type) for field in schema}
        self._parts = {name: _Column() for name in self._types}
        self.rows = 0

    def update(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        self.rows += len(batch)
        for name, column in self._parts.items():
            column.update(batch.column(name))

    def hexdigest(self) -> str:
        """sha256 in hex over all rows so far."""
        columns: dict[str, Any] = {
            name: {"type": self._types[name], **column.digests()} for name, column in self._parts.items()
        }
        return hash_value({"rows": self.rows, "columns": columns})


class _Column:
    def __init__(self) -> None:
        self._present, self._values, self._lengths = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()

    def update(self, values: pa.Array) -> None:
        self._present.update(_bytes(values.is_valid().cast(pa.uint8())))
        if pt.is_string(values.type):
            text = pc.fill_null(values, "") if values.null_count else values
            self._lengths.update(_bytes(pc.binary_length(text).cast(pa.int64())))
            self._values.update(_text(text))
        elif pt.is_boolean(values.type):
            self._values.update(_bytes(pc.fill_null(values, False).cast(pa.uint8())))
        else:
            self._values.update(_bytes(_numbers(values)))

    def digests(self) -> dict[str, str]:
        return {
            "present": self._present.hexdigest(),
            "values": self._values.hexdigest(),
            "lengths": self._lengths.hexdigest(),
        }


def _numbers(values: pa.Array) -> pa.Array:
    """Eight bytes a value, missing ones zero; minus zero is zero."""
    if pt.is_timestamp(values.type):
        values = values.view(pa.int64())
    filled = pc.fill_null(values, 0) if values.null_count else values
    return pc.add(filled, 0.0) if pt.is_floating(filled.type) else filled


def _bytes(values: pa.Array) -> bytes:
    width = values.type.bit_width // 8
    data = values.buffers()[1]
    if data is None or not len(values):
        return b""
    block = data.slice(values.offset * width, len(values) * width)
    return bytes(block) if sys.byteorder == "little" else _swap(bytes(block), width)


def _swap(block: bytes, width: int) -> bytes:
    return b"".join(block[start : start + width][::-1] for start in range(0, len(block), width))


def _text(values: pa.Array) -> bytes:
    _, offsets, data = values.buffers()
    if data is None or not len(values):
        return b""
    ends = pa.Array.from_buffers(pa.int32(), len(values) + 1, [None, offsets], offset=values.offset)
    start, end = ends[0].as_py(), ends[len(values)].as_py()
    return bytes(data.slice(start, end - start))
