"""How a csv file is written, found out from its beginning: encoding, delimiter, quote, header row or none."""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import StringIO
from itertools import chain
from typing import Any

from upath import UPath

from airflow_mlkit.data.files import open_bytes
from airflow_mlkit.data.text_stream import nul_bytes
from airflow_mlkit.exceptions import SourceError

SAMPLE_BYTES = 64 << 20
"""How much of a file is looked at to find out its encoding; enough that an accent late in the file still counts."""
SNIFFED_BYTES = 1 << 18
"""How much of it is parsed to find out the delimiter and the header."""
SNIFFED_ROWS = 200
_NO_ROWS = "Was it exported completely? Put the rows there and start again."
DELIMITERS = (",", ";", "\t", "|")

_NOT_IN_CP1252 = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class CsvFormat:
    """How one csv file is written.

    `first_row` holds the cells of its first row: the column names where `has_header`. `encoding` is a codec of Python;
    `utf-8-sig`, `utf-16` and `utf-32` read over a byte order mark.
    """

    delimiter: str
    encoding: str
    quote: str
    has_header: bool
    first_row: tuple[str, ...]


def sniff_csv(path: UPath | str, *, delimiter: str | None = None, encoding: str | None = None) -> CsvFormat:
    """Find out how a csv file is written; what is declared is taken as it is.

    Args:
        path: a csv file, local, `gs://` or `s3://`, compressed or not.
        delimiter: as declared; found out when None.
        encoding: as declared; found out when None.

    Raises:
        SourceError: when the file cannot be read, is empty, or is no text.
    """
    with open_bytes(UPath(path)) as file:
        beginning = bytes(file.read(SNIFFED_BYTES))
        if not beginning.strip(b"\0 \t\r\n\xef\xbb\xbf\xff\xfe"):
            raise SourceError(f"{path} is empty.", hint=_NO_ROWS)
        codec = _known_codec(path, encoding) if encoding else _find_encoding(beginning, file)
    text = _decode_beginning(path, beginning, codec)
    quote = _find_quote(text)
    found = delimiter or _find_delimiter(text, quote)
    rows = _parse(text, found, quote)
    if not rows:
        raise SourceError(f"{path} holds no row.", hint=_NO_ROWS)
    return CsvFormat(found, codec, quote, _looks_like_header(rows), tuple(rows[0]))


def _known_codec(path: UPath | str, name: str) -> str:
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        raise SourceError(f"{path}: there is no encoding {name!r}.", hint="Common: utf-8, cp1252, utf-16.") from None
    return "utf-8-sig" if codec == "utf-8" else codec


def _find_encoding(beginning: bytes, rest: Any) -> str:
    for mark, codec in _BOMS:
        if beginning.startswith(mark):
            return codec
    if 0 in beginning:
        return _find_utf_16(beginning)
    return _find_bytewise(chain([beginning], _blocks(rest)))


def _find_bytewise(blocks: Iterable[bytes]) -> str:
    """UTF-8 where all bytes are, else cp1252 where it knows all bytes, else latin-1, which knows each."""
    decoder, is_utf_8, is_cp1252 = codecs.getincrementaldecoder("utf-8")(), True, True
    for block in blocks:
        is_utf_8 = is_utf_8 and _decodes(decoder, block)
        is_cp1252 = is_cp1252 and not any(byte in block for byte in _NOT_IN_CP1252)
    if is_utf_8:
        return "utf-8"
    return "cp1252" if is_cp1252 else "latin-1"


def _blocks(file: Any) -> Iterator[bytes]:
    for _ in range(SAMPLE_BYTES // SNIFFED_BYTES):
        block = bytes(file.read(SNIFFED_BYTES))
        if not block:
            return
        yield block


def _find_utf_16(content: bytes) -> str:
    """UTF-16 without a byte order mark: in western text every second byte is zero."""
    even, odd = content[0::2].count(0), content[1::2].count(0)
    if max(even, odd) < len(content) / 5:
        return "utf-8"
    return "utf-16-le" if odd > even else "utf-16-be"


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes) -> bool:
    try:
        decoder.decode(block)
    except UnicodeDecodeError:
        return False
    return True


def _decode_beginning(path: UPath | str, content: bytes, codec: str) -> str:
    try:
        text = codecs.getincrementaldecoder(codec)().decode(content)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SourceError(
            f"line {line} of {path} is not {codec.removesuffix('-sig')}: byte 0x{content[error.start]:02x}.",
            hint="Correct data.source.encoding in mlkit.yaml, or take it out to have it found out.",
        ) from None
    if "\0" in text:
        raise nul_bytes(str(path))
    return text


def _find_quote(text: str) -> str:
    single = sum(text.count(mark) for mark in (",'", ";'", "\t'", "|'", "\n'"))
    return "'" if '"' not in text and single >= text.count("\n") else '"'


def _find_delimiter(text: str, quote: str) -> str:
    """The delimiter that cuts most rows into the same number of cells; among equals the one that gives more cells."""
    best, best_score = ",", (0.0, 1)
    for candidate in DELIMITERS:
        widths = Counter(len(row) for row in _parse(text, candidate, quote))
        width, rows = widths.most_common(1)[0] if widths else (1, 0)
        score = (round(rows / widths.total(), 1) if widths else 0.0, width)
        if width > 1 and score > best_score:
            best, best_score = candidate, score
    return best


def _parse(text: str, delimiter: str, quote: str) -> list[list[str]]:
    rows: list[list[str]] = []
    try:
        for row in csv.reader(StringIO(text, newline=""), delimiter=delimiter, quotechar=quote):
            if row and len(rows) < SNIFFED_ROWS:
                rows.append(row)
    except csv.Error:  # a cell longer than the csv module takes; the rows before it say enough
        pass
    # the sample may end in the middle of its last row
    return rows[:-1] if 1 < len(rows) < SNIFFED_ROWS and len(text) >= SNIFFED_BYTES // 4 else rows


def _looks_like_header(rows: list[list[str]]) -> bool:
    """Each column votes: a number among words names it, a number above numbers does not."""
    first, rest = rows[0], rows[1:SNIFFED_ROWS]
    votes = sum(_vote(cell, [row[index] for row in rest if index < len(row)]) for index, cell in enumerate(first))
    if votes:
        return votes > 0
    return not any(_is_number(cell) for cell in first) and len(set(first)) == len(first)


def _vote(cell: str, below: list[str]) -> int:
    values = [value for value in below if value.strip()]
    if _is_number(cell):
        return -1 if values and _is_number(values[0]) else 0
    if values and all(_is_number(value) for value in values):
        return 1 if cell.strip() else 0
    return -1 if cell.strip() and values.count(cell) > 1 else 0


def _is_number(text: str) -> bool:
    try:
        float(text.strip().replace(",", "."))
    except ValueError:
        return False
    return True
