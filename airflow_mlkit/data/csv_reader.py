"""The cells of one csv file, streamed as text. Nothing is made missing, and no block of the file decides a type."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from pyarrow import csv as arrow_csv
from upath import UPath

from airflow_mlkit.data.columns import find_positions
from airflow_mlkit.data.csv_format import CsvFormat
from airflow_mlkit.data.files import broken, open_bytes
from airflow_mlkit.data.text_stream import TextStream
from airflow_mlkit.exceptions import SourceError

BLOCK_BYTES = 4 << 20
"""How much of a file is parsed at once; a row may be about as long."""


def read_csv(
    file: UPath | str,
    form: CsvFormat,
    columns: Sequence[str] | None = None,
    *,
    names: Sequence[str] | None = None,
    origin: str | None = None,
) -> Iterator[pa.RecordBatch]:
    """Stream the columns of one csv file, every cell as text and nothing made missing.

    Args:
        file: local, `gs://` or `s3://`, compressed or not.
        form: how it is written, from `sniff_csv`.
        columns: which to read, in this order; all when None.
        names: of all its columns, where it has no header row.
        origin: how messages name the file.

    Raises:
        SourceError: when a column is missing, a row has another number of cells, or the file breaks off.
    """
    origin = origin or str(file)
    header = find_header(form, names, origin)
    wanted = header if columns is None else list(columns)
    hint = _no_header_hint(form, names)
    positions = find_positions(wanted, header, origin, hint)
    with _translated(origin, headed=names is None), open_bytes(UPath(file)) as raw:
        stream = TextStream(raw, origin, form.encoding, form.quote)
        for batch in _open(stream, form, [positions[name] for name in wanted], len(header), names):
            yield pa.RecordBatch.from_arrays(batch.columns, names=wanted)
    if stream.quotes % 2:
        check_quotes(file, form, origin)


def check_quotes(file: UPath | str, form: CsvFormat, origin: str) -> None:
    """Refuse a file whose last quote is opened and never closed: all rows behind it would silently be one cell.

    Raises:
        SourceError: names the row in which it is opened.
    """
    with open_bytes(UPath(file)) as raw:
        lines = io.TextIOWrapper(io.BufferedReader(_Readable(raw)), encoding=form.encoding, newline="")
        rows = csv.reader(lines, delimiter=form.delimiter, quotechar=form.quote, strict=True)
        number = -int(form.has_header)
        try:
            for row in rows:
                number += bool(row)
        except csv.Error as error:
            if "unexpected end of data" not in str(error) and "field larger" not in str(error):
                return  # a quote inside a cell, which stands for itself
            raise _unclosed(f"row {number + 1} of {origin}") from None


def _unclosed(where: str) -> SourceError:
    return SourceError(
        f"{where}: a quote is opened and never closed; all that follows would be one cell.",
        hint="Close it. If quotes mean nothing in this file, export it with another quoting.",
    )


class _Readable(io.RawIOBase):
    """What `io` needs to read from a stream of Arrow."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._raw.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)


def find_header(form: CsvFormat, names: Sequence[str] | None, origin: str) -> list[str]:
    """The names of all columns of a csv file: its first row, or the declared ones where it has no header row.

    Raises:
        SourceError: when more or fewer names are declared than the file has columns, or it has a header row after all.
    """
    first = [cell.strip() for cell in form.first_row]
    if names is None:
        return first
    if first == list(names):
        raise SourceError(
            f"{origin} has a header row, and data.source.columns names the columns again.", hint="Take it out."
        )
    if len(names) != len(first):
        raise SourceError(
            f"{origin} has {len(first)} columns, and data.source.columns names {len(names)}.",
            hint="Name every column of the file, in its order.",
        )
    return list(names)


def _no_header_hint(form: CsvFormat, names: Sequence[str] | None) -> str | None:
    if names is not None or form.has_header:
        return None
    shown = form.delimiter.join(form.first_row)[:60]
    return f"It seems to have no header row (it begins with {shown}). Name its columns in data.source.columns."


def _open(stream: TextStream, form: CsvFormat, positions: list[int], width: int, names: Sequence[str] | None) -> Any:
    """Columns are read by their position: names may be blank, or stand there twice."""
    labels = [str(index) for index in range(width)]
    wanted = [labels[index] for index in positions]
    return arrow_csv.open_csv(
        stream,
        read_options=arrow_csv.ReadOptions(
            use_threads=False,  # errors then say in which row
            block_size=BLOCK_BYTES,
            column_names=labels,
            skip_rows_after_names=1 if names is None else 0,
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter=form.delimiter, quote_char=form.quote, newlines_in_values=True, ignore_empty_lines=width > 1
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types={label: pa.string() for label in wanted}, include_columns=wanted, strings_can_be_null=False
        ),
    )


@contextmanager
def _translated(origin: str, *, headed: bool) -> Iterator[None]:
    try:
        yield
    except pa.ArrowInvalid as error:
        raise _parse_error(origin, str(error), headed=headed) from None


def _parse_error(origin: str, message: str, *, headed: bool) -> SourceError:
    if "straddling" in message:
        return SourceError(
            f"{origin} has a row longer than {BLOCK_BYTES >> 20} MiB.",
            hint="Most likely a quote is opened and never closed, or data.source.delimiter is another one.",
        )
    if "Expected" in message and "Row #" in message:
        number, _, rest = message.partition("Row #")[2].partition(": ")
        counts, _, text = rest.partition(": ")
        row = int(number) - int(headed)
        expected, got = [word for word in counts.replace(",", "").split() if word.isdigit()]
        return SourceError(
            f"row {row} of {origin} has {got} cells, and the rows before it have {expected}: {text.strip()[:60]}",
            hint=(
                "Was the file cut off there? Else quote cells that hold the delimiter, and close every quote."
                if int(got) < int(expected)
                else "Quote cells that hold the delimiter, and close every quote."
            ),
        )
    return broken(origin, ValueError(message))
