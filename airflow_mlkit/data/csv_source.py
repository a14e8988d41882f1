"""Rows of csv files, streamed. Every cell is read as text first, so that no block of a file decides a column's type."""

from __future__ import annotations

import codecs
import io
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from pyarrow import csv
from upath import UPath

from airflow_mlkit.data.chunk import Chunk
from airflow_mlkit.data.columns import find_positions
from airflow_mlkit.data.csv_format import CsvFormat, nul_bytes, sniff_csv
from airflow_mlkit.data.files import broken, open_bytes
from airflow_mlkit.data.inference import Evidence, zone_of
from airflow_mlkit.data.chunk_store import ChunkStore
from airflow_mlkit.data.types import Found
from airflow_mlkit.exceptions import SourceError
from airflow_mlkit.spec.pipeline import PathSource
from airflow_mlkit.spec.values import ColumnType

log = logging.getLogger(__name__)

BLOCK_BYTES = 4 << 20
"""How much of a file is parsed at once; no row may be longer."""


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
        reader = _open(
            _Utf8(raw, origin, form.encoding), form, [positions[name] for name in wanted], len(header), names
        )
        for batch in reader:
            yield pa.RecordBatch.from_arrays(batch.columns, names=wanted)


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


def _open(stream: _Utf8, form: CsvFormat, positions: list[int], width: int, names: Sequence[str] | None) -> Any:
    """Columns are read by their position: names may be blank, or stand there twice."""
    labels = [str(index) for index in range(width)]
    wanted = [labels[index] for index in positions]
    return csv.open_csv(
        stream,
        read_options=csv.ReadOptions(
            use_threads=False,  # errors then say in which row
            block_size=BLOCK_BYTES,
            column_names=labels,
            skip_rows_after_names=1 if names is None else 0,
        ),
        parse_options=csv.ParseOptions(
            delimiter=form.delimiter, quote_char=form.quote, newlines_in_values=True, ignore_empty_lines=width > 1
        ),
        convert_options=csv.ConvertOptions(
            column_types={label: pa.string() for label in wanted}, include_columns=wanted, strings_can_be_null=False
        ),
    )


class _Utf8(io.RawIOBase):
    """A file's bytes as UTF-8, whatever its encoding; says in which line it is not what it was taken for."""

    def __init__(self, raw: Any, origin: str, encoding: str) -> None:
        self._raw, self._origin, self._encoding = raw, origin, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._lines = 0
        self._plain = encoding in ("utf-8", "utf-8-sig")

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while True:
            block = self._raw.read(size)
            text = self._decode(block)
            if b"\0" in text:
                raise nul_bytes(self._origin)
            if text or not block:
                return text

    def _decode(self, block: bytes) -> bytes:
        try:
            text = self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            line = self._lines + error.object[: error.start].count(b"\n") + 1
            raise wrong_encoding(self._origin, self._encoding, line, error.object[error.start]) from None
        self._lines += block.count(b"\n")
        return text.encode()


def wrong_encoding(origin: str, encoding: str, line: int, byte: int) -> SourceError:
    """The error for a byte that does not belong to the encoding."""
    return SourceError(
        f"line {line} of {origin} is not {encoding}: byte 0x{byte:02x}.",
        hint="Name the file's encoding in data.source.encoding (cp1252 is common), or export it as UTF-8.",
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
            hint="Quote cells that hold the delimiter, and close every quote.",
        )
    return broken(origin, ValueError(message))
