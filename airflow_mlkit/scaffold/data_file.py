"""The data file of a new project: read once, for the interview."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from upath import UPath

from airflow_mlkit.data.csv_format import CsvFormat, sniff_csv
from airflow_mlkit.data.files import broken, common_format, find_files, open_bytes
from airflow_mlkit.exceptions import AnswerError

MAX_ROWS = 1_000_000
"""More rows than this say nothing new about the columns."""


def read_data(path: str, columns: tuple[str, ...] = ()) -> pa.Table:
    """The rows of a source, csv columns as text; of several files as many as are needed.

    Args:
        path: one file, a folder or a glob; local, `gs://` or `s3://`.
        columns: names for a csv that has no header row.

    Raises:
        SourceError: when it cannot be read.
        AnswerError: when a csv has no header row and no names are given, or they do not fit.
    """
    files = find_files(path)
    is_csv = common_format(files, None) == "csv"
    tables: list[pa.Table] = []
    for file in files:
        tables.append(_read_csv(file, columns) if is_csv else _read_parquet(file))
        if sum(table.num_rows for table in tables) >= MAX_ROWS:
            break
    table = pa.concat_tables(tables, promote_options="permissive").slice(0, MAX_ROWS)
    if table.num_rows == 0:
        raise AnswerError(f"{path} has a header row and no other.", hint="Was it exported completely?")
    return table


def _read_parquet(file: UPath) -> pa.Table:
    try:
        with open_bytes(file) as stream:
            return pyarrow.parquet.read_table(pa.BufferReader(stream.read()))
    except pa.ArrowInvalid as error:
        raise broken(file, error) from None


def _read_csv(file: UPath, columns: tuple[str, ...]) -> pa.Table:
    written = sniff_csv(file)
    names = _column_names(file, written, columns)
    try:
        with open_bytes(file) as stream:
            return pyarrow.csv.read_csv(
                pa.BufferReader(stream.read()),
                read_options=pyarrow.csv.ReadOptions(
                    column_names=names,
                    skip_rows=1 if written.has_header else 0,
                    encoding=written.encoding.removesuffix("-sig"),
                ),
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter=written.delimiter, quote_char=written.quote, newlines_in_values=True
                ),
                convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
            )
    except pa.ArrowInvalid as error:
        raise broken(file, error) from None


def _column_names(file: UPath, written: CsvFormat, columns: tuple[str, ...]) -> list[str]:
    found = len(written.first_row)
    if columns and len(columns) != found:
        raise AnswerError(
            f"{file} has {found} columns, and --columns names {len(columns)}.", hint="Name each, in order."
        )
    if columns:
        return list(columns)
    if not written.has_header:
        beginning = written.delimiter.join(written.first_row)[:80]
        raise NoHeaderError(
            f"{file} has no header row: it begins with {beginning}",
            hint=f"Name its {found} columns in order: --columns a,b,c",
            width=found,
        )
    return list(written.first_row)


class NoHeaderError(AnswerError):
    """Raised when a csv file begins with values instead of names; `width` is how many names it needs."""

    def __init__(self, message: str, *, hint: str, width: int) -> None:
        super().__init__(message, hint=hint)
        self.width = width
