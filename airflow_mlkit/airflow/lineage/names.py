"""How a source, a snapshot, a model and its scores are named, by OpenLineage's rules for the names of datasets.

https://openlineage.io/docs/spec/naming: a folder of this machine is in the namespace `file`, what a bucket holds in
`s3://bucket` or `gs://bucket`, a table in `postgres://host:port` as `database.schema.table`. None of them has room for
a password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from airflow_mlkit.project import Project
from airflow_mlkit.spec.data import PathSource, Source, SqlSource

_GLOB = re.compile(r"[*?\[]")
_DEFAULT_PORT = 5432
_ONE_WHOLE_TABLE = re.compile(r"\s*select\s+\*\s+from\s+[\w.\"]+\s*(;|\Z|where\b|order\s+by\b|limit\b)", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_AS_OF = re.compile(r"(?<!:):as_of\b")


@dataclass(frozen=True)
class DatasetName:
    """A dataset's namespace and its name there."""

    namespace: str
    name: str

    def inside(self, part: str) -> DatasetName:
        """A part of it, such as the snapshots among a project's runs."""
        return DatasetName(self.namespace, f"{self.name}/{part}")

    @property
    def uri(self) -> str:
        """Where it lies."""
        if self.namespace == "file":
            return f"file://{self.name}"
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class SourceNames:
    """The datasets of a source, and what is known of where its columns come from.

    `columns` holds for a query the columns of tables that a column of its result is made from. Where `is_copied`, a
    column of the result is the column of the same name of the only dataset.
    """

    datasets: tuple[DatasetName, ...]
    is_copied: bool = True
    columns: Mapping[str, tuple[tuple[DatasetName, str], ...]] = field(default_factory=dict)

    def origins(self, column: str) -> tuple[tuple[DatasetName, str], ...]:
        """The columns that a column of the source is made from; empty where that is not known."""
        if column in self.columns:
            return self.columns[column]
        return tuple((dataset, column) for dataset in self.datasets) if self.is_copied else ()


def name_place(uri: str) -> DatasetName:
    """A local path, `s3://` or `gs://` as a dataset.

    >>> name_place("s3://risk/runs/churn")
    DatasetName(namespace='s3://risk', name='runs/churn')
    """
    if "://" not in uri or uri.startswith("file://"):
        return DatasetName("file", unquote(urlsplit(uri).path) if uri.startswith("file:") else uri)
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    return DatasetName(f"{scheme}://{bucket.rpartition('@')[2]}", key.rstrip("/") or "/")


def name_source(project: Project, source: Source) -> SourceNames:
    """The datasets that a source of mlkit.yaml reads."""
    if isinstance(source, PathSource):
        return SourceNames((name_place(_without_glob(project.absolute(source.path))),))
    if isinstance(source, SqlSource):
        return _name_query(project, source)
    return SourceNames(())  # no step reads BigQuery yet


def _without_glob(path: str) -> str:
    """The folder that a glob looks into; a path without one as it is.

    >>> _without_glob("/data/open/*.parquet")
    '/data/open'
    """
    parts = path.split("/")
    fixed = next((position for position, part in enumerate(parts) if _GLOB.search(part)), len(parts))
    return "/".join(parts[:fixed]) or "/"


def _name_query(project: Project, source: SqlSource) -> SourceNames:
    """The tables of a query; where it cannot be read, the database that it asks."""
    from airflow.sdk import Connection

    connection = Connection.get(source.connection)
    namespace = f"postgres://{connection.host or 'localhost'}:{connection.port or _DEFAULT_PORT}"
    database = connection.schema or str(connection.login or "postgres")
    text = _AS_OF.sub("NULL", (project.folder / PurePosixPath(source.sql)).read_text(encoding="utf-8"))
    found = _parse(text)
    tables = {
        _qualified(table): _name_table(namespace, database, table) for table in (found.in_tables if found else ())
    }
    if not tables:
        return SourceNames((DatasetName(namespace, database),), False)
    columns = {
        each.descendant.name: tuple(
            (tables[_qualified(origin.origin)], origin.name)
            for origin in each.lineage
            if origin.origin and _qualified(origin.origin) in tables
        )
        for each in found.column_lineage
    }
    is_copied = len(tables) == 1 and bool(_ONE_WHOLE_TABLE.match(_COMMENT.sub(" ", text)))
    return SourceNames(tuple(dict.fromkeys(tables.values())), is_copied, columns)


def _parse(text: str) -> Any:
    from openlineage.common.sql import parse

    found = parse([text], dialect="postgres")
    return None if found is None or found.errors else found


def _qualified(table: Any) -> str:
    return str(table.qualified_name)


def _name_table(namespace: str, database: str, table: Any) -> DatasetName:
    schema = table.schema or "public"
    return DatasetName(namespace, f"{table.database or database}.{schema}.{table.name}")
