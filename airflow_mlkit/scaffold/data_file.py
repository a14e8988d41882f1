"""The data file of a new project: read once, for the interview."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from upath import UPath

from airflow_mlkit.data.csv_format import CsvFormat, sniff_csv
from airflow_mlkit.data.csv_reader import read_csv
from airflow_mlkit.data.files import broken, common_format, find_files, reading
from airflow_mlkit.exceptions import AnswerError

MAX_ROWS = 1_000_000
"""More rows than this say nothing new about the columns."""

_GLOB = frozenset("*?[")


class NoHeaderError(AnswerError):
    """Raised when a csv file begins with values instead of names; `width` is how many names it needs."""

    def __init__(self, message: str, *, hint: str, width: int) -> None:
        super().__init__(message, hint=hint)
        self.width = width


def read_data(path: str, columns: tuple[str, ...] = ()) -> pa.Table:
    """The rows of a source, csv columns as text; no more than a million of them.

    Args:
        path: one file, a folder or a glob; local, `gs://` or `s3://`.
        columns: names for a csv that has no header row.

    Raises:
        SourceError: when it cannot be read.
        AnswerError: when a csv has no header row and no names are given, or they do not fit.
    """
    _check_there(path)
    files = find_files(path)
    is_csv = common_format(files, None) == "csv"
    parts: list[pa.Table] = []
    for file in files:
        parts += _read_csv(file, columns) if is_csv else _read_parquet(file)
        if sum(part.num_rows for part in parts) >= MAX_ROWS:
            break
    table = pa.concat_tables(parts, promote_options="permissive").slice(0, MAX_ROWS) if parts else None
    if table is None or table.num_rows == 0:
        raise AnswerError(f"{path} has a header row and no other.", hint="Was it exported completely?")
    return table


def _check_there(path: str) -> None:
    """Say it in the words of the question when a path on this machine is mistyped."""
    named = Path(path)
    if "://" in path or _GLOB & set(path) or named.exists():
        return
    beside = [file.name for file in named.parent.iterdir()] if named.parent.is_dir() else []
    near = get_close_matches(named.name, beside, n=1)
    raise AnswerError(
        f"the data file {path} is not there{f'; did you mean {named.parent / near[0]}?' if near else '.'}",
        hint="Give the path of a csv or parquet file: --data churn.csv",
    )


def _read_parquet(file: UPath) -> list[pa.Table]:
    try:
        with reading(file, str(file)), file.open("rb") as raw, pq.ParquetFile(raw) as parquet:
            return [pa.Table.from_batches([batch]) for batch in _until(MAX_ROWS, parquet.iter_batches())]
    except pa.ArrowInvalid as error:
        raise broken(file, error) from None


def _read_csv(file: UPath, columns: tuple[str, ...]) -> list[pa.Table]:
    form = sniff_csv(file)
    _check_header(file, form, columns)
    batches = read_csv(file, form, names=columns or None)
    return [pa.Table.from_batches([batch]) for batch in _until(MAX_ROWS, batches)]


def _until(rows: int, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch
        rows -= len(batch)
        if rows <= 0:
            return


def _check_header(file: UPath, form: CsvFormat, columns: tuple[str, ...]) -> None:
    width = len(form.first_row)
    if not columns and not form.has_header:
        beginning = form.delimiter.join(form.first_row)[:80]
        raise NoHeaderError(
            f"{file} has no header row: it begins with {beginning}",
            hint=f"Name its {width} columns in order: --columns a,b,c",
            width=width,
        )
    if columns and len(columns) != width:
        raise AnswerError(
            f"{file} has {width} columns, and --columns names {len(columns)}.", hint="Name each, in order."
        )
    if columns and columns == form.first_row:
        raise AnswerError(f"{file} has a header row with these names already.", hint="Leave --columns out.")
    twice = sorted({name for name in columns or form.first_row if (columns or form.first_row).count(name) > 1})
    if twice:
        raise AnswerError(f"{file} has two columns named {twice[0]!r}.", hint="Rename one of them in the file.")
