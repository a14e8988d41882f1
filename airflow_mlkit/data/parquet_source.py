"""Rows of parquet files, streamed row group by row group; groups in which no row can pass the filters are not read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from airflow_mlkit.data.chunk import BATCH_ROWS, Chunk
from airflow_mlkit.data.columns import find_positions
from airflow_mlkit.data.files import broken, reading
from airflow_mlkit.data.filters import may_match
from airflow_mlkit.data.inference import zone_of
from airflow_mlkit.data.types import Found, arrow_type, found_type, is_text, plain
from airflow_mlkit.exceptions import SourceError
from airflow_mlkit.spec.data import Filter
from airflow_mlkit.spec.values import ColumnType


class ParquetSource:
    """The wanted columns of parquet files, one after the other."""

    def __init__(
        self,
        files: Sequence[UPath],
        columns: Sequence[str],
        types: Mapping[str, ColumnType],
        filters: Sequence[Filter] = (),
        *,
        name: str = "",
        show: Callable[[UPath], str] = str,
    ) -> None:
        self.name = name or show(files[0])
        self._files, self._columns, self._types, self._filters, self._show = files, list(columns), types, filters, show
        self.skipped_rows = 0
        self.found = self._find()

    def chunks(self) -> Iterator[Chunk]:
        """The rows in the files' own types. `skipped_rows` counts those of row groups that were not read."""
        self.skipped_rows = 0
        for file in self._files:
            yield from self._read(file)

    def close(self) -> None:
        """Nothing is held open between two reads."""

    def _read(self, path: UPath) -> Iterator[Chunk]:
        origin, first_row = self._show(path), 1
        with _open(path, origin) as file:
            for group in range(file.metadata.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                if self._may_match(file.metadata.row_group(group)):
                    yield from self._read_group(file, group, origin, first_row)
                else:
                    self.skipped_rows += rows
                first_row += rows

    def _read_group(self, file: pq.ParquetFile, group: int, origin: str, first_row: int) -> Iterator[Chunk]:
        for batch in file.iter_batches(BATCH_ROWS, row_groups=[group], columns=self._columns):
            yield Chunk(batch.select(self._columns), origin, first_row)
            first_row += len(batch)

    def _may_match(self, group: Any) -> bool:
        columns = {group.column(index).path_in_schema: group.column(index) for index in range(group.num_columns)}
        for one in self._filters:
            found = self.found[one.feature]
            as_given = found.word == self._types.get(one.feature, found.word)
            if as_given and found.given in _COMPARABLE and one.feature in columns:
                statistics = columns[one.feature].statistics
                if statistics is not None and not may_match(one, statistics, group.num_rows):
                    return False
        return True

    def _find(self) -> dict[str, Found]:
        found: dict[str, Found] = {}
        where: dict[str, str] = {}
        for path in self._files:
            for name, kind in self._look(path).items():
                found[name] = self._agree(name, found.get(name), where.get(name, ""), kind, self._show(path))
                where.setdefault(name, self._show(path))
        return found

    def _look(self, path: UPath) -> dict[str, Found]:
        with _open(path, self._show(path)) as file:
            schema = file.schema_arrow
            find_positions(self._columns, schema.names, self._show(path))
            found = {name: found_type(schema.field(name).type) for name in self._columns}
            for name, kind in found.items():
                if self._types.get(name) == "date" and is_text(plain(schema.field(name).type)):
                    found[name] = Found(kind.word, aware=_find_zone(file, name), given=kind.given)
        return found

    def _agree(self, name: str, before: Found | None, where: str, now: Found, here: str) -> Found:
        """One type for all files. Where none is declared, integers widen to numbers; nothing else is reconciled."""
        if before is None or before == now or before.given == "null":
            return now
        if now.given == "null":
            return before
        declared = self._types.get(name)
        if declared and (declared != "date" or before.aware == now.aware):
            return before
        if before.word == now.word and before.aware == now.aware:
            return before
        if not declared and {before.word, now.word} == {"integer", "number"}:
            return Found("number", given="double")
        zones = {True: "with a zone", False: "without a zone"}
        kinds = (before.given, now.given) if before.given != now.given else (zones[before.aware], zones[now.aware])
        raise SourceError(
            f"column {name} is {kinds[1]} in {here} and {kinds[0]} in {where}.",
            hint=f"Write the files alike, or declare data.types.{name} in mlkit.yaml.",
        )


_COMPARABLE = frozenset({"int8", "int16", "int32", "int64", "double", "string", "large_string"})
"""Types whose statistics are plain values, the ones that a filter compares with."""


@contextmanager
def _open(path: UPath, origin: str) -> Iterator[pq.ParquetFile]:
    local = path.protocol in ("", "file")
    with reading(path, origin):
        raw = pa.OSFile(path.path) if local else path.open("rb")
        try:
            with raw, pq.ParquetFile(raw, pre_buffer=not local) as file:
                yield file
        except pa.ArrowInvalid as error:
            if "Parquet file size is 0" in str(error):
                raise SourceError(f"{origin} is empty.", hint="Was it exported completely? Start again.") from None
            raise broken(origin, error) from None


def _find_zone(file: pq.ParquetFile, name: str) -> bool:
    for batch in file.iter_batches(BATCH_ROWS, columns=[name]):
        zone = zone_of(batch.column(0).cast(arrow_type("text")))
        if zone is not None:
            return zone
    return False
