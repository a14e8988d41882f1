"""Rows of a query over a connection, streamed as Arrow from PostgreSQL through ADBC."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from typing import Any

import pyarrow as pa

from airflow_mlkit.data.chunk import Chunk
from airflow_mlkit.data.columns import find_positions
from airflow_mlkit.data.connection import PostgresConnection, find_connection
from airflow_mlkit.data.inference import zone_of
from airflow_mlkit.data.query import SETTING, Query, load_query
from airflow_mlkit.data.types import Found, found_type, is_text
from airflow_mlkit.exceptions import SourceError
from airflow_mlkit.extras import needs_extra
from airflow_mlkit.project import Project
from airflow_mlkit.spec.data import SqlSource
from airflow_mlkit.spec.values import ColumnType

log = logging.getLogger(__name__)


class SqlRows:
    """The wanted columns of a query's result, read once in a read-only transaction whose zone is UTC."""

    def __init__(
        self,
        project: Project,
        source: SqlSource,
        columns: Sequence[str],
        types: Mapping[str, ColumnType],
        *,
        as_of: datetime | None,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.name = source.sql
        query = load_query(project, source.sql)
        value = query.value(as_of)
        self._connection = find_connection(source.connection, environment)
        self._session = _connect(self._connection)
        try:
            with _translated(self._connection, query):
                self._reader = _execute(self._session, query, value)
                find_positions(columns, self._reader.schema.names, self.name)
                self._batches = self._start(columns, types)
        except BaseException:
            self.close()
            raise
        self._query = query

    def chunks(self) -> Iterator[Chunk]:
        """The rows as the database sends them. They can be had once."""
        first_row = 1
        with _translated(self._connection, self._query):
            for batch in self._batches:
                yield Chunk(batch, self.name, first_row)
                first_row += len(batch)

    def close(self) -> None:
        """End the transaction and the connection."""
        for part in self._session:
            part.close()

    def _start(self, columns: Sequence[str], types: Mapping[str, ColumnType]) -> Iterator[pa.RecordBatch]:
        """Look at the first batch: whether dates that come as text carry a zone."""
        batches = (_select(batch, columns) for batch in self._reader)
        first = next(batches, None)
        schema = first.schema if first is not None else _select(self._reader.schema.empty_table(), columns).schema
        self.found = {field.name: found_type(field.type) for field in schema}
        for name in columns:
            if first is not None and types.get(name) == "date" and is_text(schema.field(name).type):
                self.found[name] = Found("text", aware=bool(zone_of(first.column(name))))
        return batches if first is None else chain([first], batches)


def _connect(connection: PostgresConnection) -> tuple[Any, Any]:
    with needs_extra("postgres", "reading from PostgreSQL"):
        from adbc_driver_manager import Error
        from adbc_driver_postgresql import dbapi
    try:
        session = dbapi.connect(connection.uri)
    except Error as error:
        reason = connection.scrub(_reason(error))
        raise SourceError(
            f"connection {connection.id!r} to {connection.shown} failed: {reason}",
            hint="Is the database running and reachable from here, and are name and password right? They stand in "
            f"AIRFLOW_CONN_{connection.id.upper().replace('-', '_')}, or in Airflow under Admin, Connections.",
        ) from None
    return session.cursor(), session


def _execute(session: tuple[Any, Any], query: Query, value: str | None) -> Any:
    cursor = session[0]
    cursor.execute("SET TRANSACTION READ ONLY")
    cursor.execute("SET LOCAL TIME ZONE 'UTC'")
    if value is not None:
        log.info("%s: :as_of is %s", query.file, value)
        cursor.execute(f"SELECT set_config('{SETTING}', $1, true)", (value,))
        cursor.fetchall()
    cursor.execute(query.text)
    return cursor.fetch_record_batch()


@contextmanager
def _translated(connection: PostgresConnection, query: Query) -> Iterator[None]:
    from adbc_driver_manager import Error

    try:
        yield
    except (Error, OSError) as error:
        reason = connection.scrub(_reason(error))
        raise SourceError(
            f"{query.file} failed on {connection.shown}: {reason}",
            hint="Nothing was kept. Correct the query (try it with psql), then start again.",
        ) from None


def _reason(error: BaseException) -> str:
    """The database's own message, without the driver's words around it and without the query."""
    text = str(error).partition("\n\nQuery was:")[0].partition("SQLSTATE:")[0]
    text = text.rpartition("ERROR:")[2] or text
    text = text.rpartition("Failed to connect:")[2] or text
    lines = [line.rstrip() for line in text.strip(" .\n").splitlines()]
    return "\n".join(lines[:4])


def _select(batch: Any, columns: Sequence[str]) -> pa.RecordBatch:
    """The wanted columns, with PostgreSQL's own types (numeric, uuid, json) unpacked."""
    if isinstance(batch, pa.Table):
        batch = pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in batch.schema], schema=batch.schema)
    return pa.RecordBatch.from_arrays([_unpack(batch.column(name)) for name in columns], names=list(columns))


def _unpack(values: pa.Array) -> pa.Array:
    kind = values.type
    if not isinstance(kind, pa.BaseExtensionType):
        return values
    if kind.extension_name == "arrow.uuid":
        return pa.array([None if value is None else str(value) for value in values.to_pylist()], pa.string())
    if kind.extension_name == "arrow.json":
        return values.storage
    if getattr(kind, "type_name", "") == "numeric":
        # numbers of any precision come as text; the snapshot keeps them as float64
        return values.storage.cast(pa.float64())
    return values.storage if getattr(kind, "vendor_name", "") == "" else values
