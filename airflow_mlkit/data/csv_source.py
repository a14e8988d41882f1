"""Rows of csv files, streamed. Every cell is read as text first, so that no block of a file decides a column's type."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow as pa
from upath import UPath

from airflow_mlkit.data.chunk import Chunk
from airflow_mlkit.data.chunk_store import ChunkStore
from airflow_mlkit.data.csv_format import sniff_csv
from airflow_mlkit.data.csv_reader import read_csv
from airflow_mlkit.data.inference import Evidence, zone_of
from airflow_mlkit.data.types import Found
from airflow_mlkit.spec.data import PathSource
from airflow_mlkit.spec.values import ColumnType

log = logging.getLogger(__name__)


class CsvSource:
    """The wanted columns of csv files, one after the other. They are read once, and kept as text in a store."""

    def __init__(
        self,
        files: Sequence[UPath],
        columns: Sequence[str],
        types: Mapping[str, ColumnType],
        declared: PathSource,
        show: Callable[[UPath], str] = str,
    ) -> None:
        self.name = declared.path
        self._show = show
        self._columns = list(columns)
        self._store = ChunkStore(pa.schema([(name, pa.string()) for name in self._columns]))
        self._evidence = {name: Evidence() for name in self._columns if name not in types}
        self._zones: dict[str, bool | None] = {name: None for name in self._columns if types.get(name) == "date"}
        try:
            for file in files:
                self._read(file, declared)
        except BaseException:
            self._store.close()
            raise
        self.found = self._find()

    def chunks(self) -> Iterator[Chunk]:
        """The rows, as text."""
        return self._store.read()

    def close(self) -> None:
        """Delete the store."""
        self._store.close()

    def _read(self, file: UPath, declared: PathSource) -> None:
        form = sniff_csv(file, delimiter=declared.delimiter, encoding=declared.encoding)
        origin, first_row = self._show(file), 1
        log.info("%s: csv, %s, delimiter %r", origin, form.encoding, form.delimiter)
        for batch in read_csv(file, form, self._columns, names=declared.columns, origin=origin):
            self._look(batch, origin, first_row)
            self._store.write(Chunk(batch, origin, first_row))
            first_row += len(batch)
        if first_row == 1:
            log.warning("%s has no rows", origin)

    def _look(self, batch: pa.RecordBatch, origin: str, first_row: int) -> None:
        for name, evidence in self._evidence.items():
            evidence.look(batch.column(name), origin, first_row)
        for name, zone in self._zones.items():
            if zone is None:
                self._zones[name] = zone_of(batch.column(name))

    def _find(self) -> dict[str, Found]:
        for name, evidence in self._evidence.items():
            _warn(name, evidence)
        found = {name: evidence.found for name, evidence in self._evidence.items()}
        declared = {name: Found("text", aware=bool(self._zones.get(name))) for name in self._columns}
        return {**declared, **found}


def _warn(name: str, evidence: Evidence) -> None:
    if evidence.odd_values and evidence.odd_row:
        origin, row, value = evidence.odd_row
        log.warning(
            "column %s is read as text: %d of its values are no numbers (row %d of %s: %r). "
            "Declare types: {%s: number} to have such rows refused.",
            name,
            evidence.odd_values,
            row,
            origin,
            value,
            name,
        )
