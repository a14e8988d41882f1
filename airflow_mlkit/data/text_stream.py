"""A file's bytes as UTF-8, whatever its encoding, with the errors that say in which line it is something else."""

from __future__ import annotations

import codecs
import io
from typing import Any

from airflow_mlkit.exceptions import SourceError


class TextStream(io.RawIOBase):
    """Reads a binary file of any encoding as UTF-8, block by block.

    Attributes:
        quotes: how many quotes were read so far.
    """

    def __init__(self, raw: Any, origin: str, encoding: str, quote: str = '"') -> None:
        self._raw, self._origin, self._encoding, self._quote = raw, origin, encoding, quote.encode()
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._lines = self.quotes = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def read(self, size: int = -1) -> bytes:
        """About `size` bytes; none at the end.

        Raises:
            SourceError: when the file is not in its encoding, or is no text.
        """
        while True:
            block = self._raw.read(size)
            text = self._decode(block)
            if b"\0" in text:
                raise nul_bytes(self._origin)
            self.quotes += text.count(self._quote)
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
        f"line {line} of {origin} is not {encoding.removesuffix('-sig')}: byte 0x{byte:02x}.",
        hint="Name the file's encoding in data.source.encoding (cp1252 is common), or export it as UTF-8.",
    )


def nul_bytes(origin: str) -> SourceError:
    """The error for a file that holds bytes which no text has."""
    return SourceError(
        f"{origin} holds NUL bytes: it is no csv, was written by halves, or is UTF-16 without a byte order mark.",
        hint="Export it again as UTF-8, or name data.source.encoding in mlkit.yaml.",
    )
