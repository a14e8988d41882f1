"""Rows of a source, in the types of a snapshot: the one way in which steps read data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
from upath import UPath

from airflow_mlkit.data.casting import BadValues, cast_column, misfit_error
from airflow_mlkit.data.chunk import Chunk, RawSource
from airflow_mlkit.data.files import common_format, find_files
from airflow_mlkit.data.filters import build_mask
from airflow_mlkit.data.types import Found, arrow_type
from airflow_mlkit.exceptions import SourceError, UserError
from airflow_mlkit.project import Project
from airflow_mlkit.spec.data import BigQuerySource, Filter, PathSource, Source, SqlSource
from airflow_mlkit.spec.values import ColumnType


class SourceReader:
    """The rows of a source: typed, filtered, in the source's order, batch by batch.

    Attributes:
        name: how messages name the source.
        schema: the wanted columns with their types.
        rows_read: how many rows the source had, once all of them were read.
        filtered: how many of them the filters left out.
    """

    def __init__(
        self, raw: RawSource, columns: Sequence[str], types: Mapping[str, ColumnType], filters: Sequence[Filter]
    ) -> None:
        self._raw, self._filters = raw, filters
        self._words = {name: _word(raw, name, found, types) for name, found in raw.found.items()}
        everything = pa.schema(
            [(name, arrow_type(self._words[name], aware=raw.found[name].aware)) for name in raw.found]
        )
        self._everything = everything
        self._mask = build_mask(filters, everything)
        self.name = raw.name
        self.schema = pa.schema([everything.field(name) for name in columns])
        self.rows_read = self.filtered = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._raw.close()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """The rows.

        Raises:
            SourceError: when values do not fit their column's type (said once all rows were looked at), or the source
                breaks off.
        """
        bad: dict[str, BadValues] = {}
        self.rows_read = self.filtered = 0
        for chunk in self._raw.chunks():
            batch = self._cast(chunk, bad)
            self.rows_read += len(batch)
            kept = batch.filter(self._mask(batch)) if self._mask else batch
            self.filtered += len(batch) - len(kept)
            if len(kept) and not bad:
                yield kept.select(self.schema.names)
        skipped = getattr(self._raw, "skipped_rows", 0)
        self.rows_read += skipped
        self.filtered += skipped
        if bad:
            raise misfit_error(list(bad.values()))

    def _cast(self, chunk: Chunk, bad: dict[str, BadValues]) -> pa.RecordBatch:
        arrays = []
        for field in self._everything:
            given = chunk.batch.column(field.name)
            values, misfits = cast_column(given, field.type)
            if misfits is not None:
                noted = bad.setdefault(field.name, BadValues(field.name, self._words[field.name]))
                noted.add(given, misfits, chunk.origin, chunk.first_row)
            arrays.append(values)
        return pa.RecordBatch.from_arrays(arrays, schema=self._everything)


def _word(raw: RawSource, name: str, found: Found, types: Mapping[str, ColumnType]) -> ColumnType:
    if found.word is None:
        raise SourceError(
            f"column {name} of {raw.name} holds {found.given}, from which nothing can be learnt as it is.",
            hint="Make it a number, text, a boolean or a date in the source, or leave it out of mlkit.yaml.",
        )
    return types.get(name, found.word)


def read_source(
    project: Project,
    source: Source,
    columns: Sequence[str],
    types: Mapping[str, ColumnType],
    filters: Sequence[Filter] = (),
    *,
    as_of: datetime | None = None,
) -> SourceReader:
    """Open a source. The reader is a context manager and an iterable of record batches.

    Args:
        project: paths and query files are taken from its folder.
        source: a source of mlkit.yaml.
        columns: what is read, in this order.
        types: of columns whose type is declared; the others are taken as the source gives them.
        filters: rows that they leave out are not given; their columns need not be among `columns`.
        as_of: bound to `:as_of` of a query.

    Raises:
        SourceError: when the source is not there, breaks off, or lacks a column.
        UserError: when a filter or a query cannot be used.
        MissingExtraError: when what reads this kind of source is not installed.
    """
    wanted = list(dict.fromkeys([*columns, *(one.feature for one in filters)]))
    return SourceReader(_open(project, source, wanted, types, filters=filters, as_of=as_of), columns, types, filters)


def _open(
    project: Project,
    source: Source,
    columns: Sequence[str],
    types: Mapping[str, ColumnType],
    *,
    filters: Sequence[Filter],
    as_of: datetime | None,
) -> RawSource:
    if isinstance(source, BigQuerySource):
        raise UserError(
            "data.source.bigquery: no step reads BigQuery yet.",
            hint="Export the query's result to parquet, and name that: source: {path: gs://bucket/folder/*.parquet}.",
        )
    if isinstance(source, SqlSource):
        from airflow_mlkit.data.sql_source import SqlRows

        return SqlRows(project, source, columns, types, as_of=as_of)
    return _open_files(project, source, columns, types, filters)


def _open_files(
    project: Project,
    source: PathSource,
    columns: Sequence[str],
    types: Mapping[str, ColumnType],
    filters: Sequence[Filter],
) -> RawSource:
    files = find_files(project.absolute(source.path))

    def show(path: UPath) -> str:
        local = Path(path.path)
        return local.relative_to(project.folder).as_posix() if _is_inside(path, project.folder) else str(path)

    if common_format(files, source.format) == "csv":
        from airflow_mlkit.data.csv_source import CsvSource

        return CsvSource(files, columns, types, source, show)
    from airflow_mlkit.data.parquet_source import ParquetSource

    return ParquetSource(files, columns, types, filters, name=source.path, show=show)


def _is_inside(path: UPath, folder: Path) -> bool:
    return path.protocol in ("", "file") and Path(path.path).is_relative_to(folder)
