"""The process that reads what a step and its children print: it passes it on, and keeps it in the try's log.

It runs beside the step, with nothing but the standard library, so that a step that is killed still has its lines
written down, and one whose C code holds Python's lock while it prints waits for nobody.
"""

from __future__ import annotations

import gzip
import os
import selectors
import socket
import sys
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

KEPT_AT_BOTH_ENDS = 8 << 20
"""Of a longer output the first and the last so many bytes are kept: how it began, and how it ended."""

MIDDLE_LIMIT = 64 << 20
"""What lies between them is compressed beside it, to so many bytes; text becomes a tenth of itself, or less."""

MAX_LINE = 1 << 16
"""A longer line is cut: one without an end would fill whatever reads it line by line."""

SAVE_SECONDS = 5.0
"""How often the end of a long output is written down; its beginning is at once."""

_CHUNK = 1 << 16
_DRAINED = 1 << 20
"""More than a pipe holds (pipe(7): 64 KiB unless it was enlarged)."""

CUT = b" ... (longer than %d KiB; the rest is left out)" % (MAX_LINE >> 10)


class Cutter:
    """Leaves out the rest of lines that are too long."""

    def __init__(self) -> None:
        self._length = 0

    def feed(self, chunk: bytes) -> bytes:
        """What is left of the next part of a stream, of at most `MAX_LINE` bytes."""
        first = chunk.find(b"\n")
        if first < 0:
            return self._cut(chunk)
        kept = self._cut(chunk[:first]) + chunk[first:]
        self._length = len(chunk) - 1 - chunk.rfind(b"\n")
        return kept

    def _cut(self, part: bytes) -> bytes:
        room = MAX_LINE - self._length
        self._length += len(part)
        if len(part) <= room:
            return part
        return part[:room] + CUT if room >= 0 and part else b""


class Middle:
    """What a long log's two ends leave out, in a file beside it that `zcat` reads.

    Args:
        log: the path of the log.
        limit: how large the file may become.
    """

    def __init__(self, log: Path, limit: int = MIDDLE_LIMIT) -> None:
        self._path, self._limit = log.with_name(f"{log.stem}.middle{log.suffix}.gz"), limit
        self._file: gzip.GzipFile | None = None
        self._size = self._lines = self._lost = 0

    def add(self, lines: bytes) -> None:
        """Some whole lines, which follow those before."""
        self._size += len(lines)
        self._lines += lines.count(b"\n")
        try:
            self._file = self._file or gzip.GzipFile(self._path, "ab", compresslevel=1)
            is_kept = not self._lost and self._path.stat().st_size < self._limit
            if is_kept:
                self._file.write(lines)
        except OSError:  # the disk is full; the step is worth more than its log
            is_kept = False
        self._lost += 0 if is_kept else lines.count(b"\n")

    def save(self) -> None:
        """Write down what was added, so that it can be read; what comes later follows as a further part of the file."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None

    def __str__(self) -> str:
        lost = f", but for the last {self._lost} lines" if self._lost else ""
        return f"... {self._lines} lines ({self._size / 2**20:.1f} MiB) are in {self._path.name}{lost} ..."

    def __bool__(self) -> bool:
        return bool(self._lines)


class LogFile:
    """The file of a try's log: all of it, or of a long one the beginning and the end, and the rest beside it.

    Args:
        path: where it lies; what is there already stays.
        kept: how many bytes at either end.
        limit: of the file beside it.
    """

    def __init__(self, path: Path, kept: int = KEPT_AT_BOTH_ENDS, limit: int = MIDDLE_LIMIT) -> None:
        self._file: BinaryIO | None = path.open("r+b" if path.exists() else "w+b", buffering=0)
        self._room, self._kept = kept, kept
        self._head = self._file.seek(0, os.SEEK_END)
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._middle = Middle(path, limit)
        self.is_behind = False

    def add(self, lines: bytes) -> None:
        """Some whole lines."""
        fits = len(lines) if len(lines) <= self._room else lines.rfind(b"\n", 0, self._room) + 1
        self._write(lines[:fits])
        self._head += fits
        self._room -= fits
        if fits < len(lines):
            self._room = 0
            self._add_to_tail(lines[fits:])

    def save(self) -> None:
        """Write down the end of a long output, over the end that was written before."""
        if self._file is None or not self.is_behind:
            return
        self.is_behind = False
        self._file.seek(self._head)
        if self._middle:
            self._middle.save()
            self._write(f"{self._middle}\n".encode())
        for lines in self._tail:
            self._write(lines)
        if self._file is not None:
            self._file.truncate()

    def _add_to_tail(self, lines: bytes) -> None:
        self._tail.append(lines)
        self._tail_size += len(lines)
        self.is_behind = True
        while self._tail_size > self._kept and len(self._tail) > 1:
            gone = self._tail.popleft()
            self._tail_size -= len(gone)
            self._middle.add(gone)

    def _write(self, content: bytes) -> None:
        if self._file is None:
            return
        try:
            _write_all(self._file.fileno(), content)
        except OSError as error:  # the step itself is worth more than its log
            self._file = None
            os.write(2, f"The try's log cannot be written any more: {error.strerror}.\n".encode())


class Stream:
    """What a step prints on one of its outputs.

    Args:
        source: the pipe it writes into.
        target: where it is passed on to.
        log: where it is kept.
    """

    def __init__(self, source: int, target: int, log: LogFile) -> None:
        os.set_blocking(source, False)
        self.source = source
        self._target: int | None = target
        self._log, self._cutter, self._rest = log, Cutter(), b""

    def pump(self) -> int:
        """Pass on what is there. Returns how many bytes that was; 0 when nothing is, or nothing comes any more."""
        try:
            chunk = os.read(self.source, _CHUNK)
        except BlockingIOError:
            return 0
        kept = self._cutter.feed(chunk)
        self._pass_on(kept)
        lines, newline, self._rest = (self._rest + kept).rpartition(b"\n")
        if newline:
            self._log.add(lines + newline)
        return len(chunk)

    def drain(self) -> None:
        """Pass on what was written before now."""
        drained = 0
        while drained < _DRAINED and (read := self.pump()):
            drained += read

    def end(self) -> None:
        """Keep the last line too, which has no end."""
        if self._rest:
            self._log.add(self._rest + b"\n")

    def _pass_on(self, content: bytes) -> None:
        if self._target is None:
            return
        try:
            _write_all(self._target, content)
        except OSError:  # who read it has gone; the step goes on
            self._target = None


def keep(control: socket.socket, streams: list[Stream], log: LogFile) -> None:
    """Read until the step says so, or is no more."""
    with selectors.DefaultSelector() as selector:
        selector.register(control, selectors.EVENT_READ)
        for stream in streams:
            selector.register(stream.source, selectors.EVENT_READ, stream)
        saved = time.monotonic()
        while True:
            ready = selector.select(SAVE_SECONDS if log.is_behind else None)
            for key, _ in ready:
                if key.data and not key.data.pump():
                    selector.unregister(key.fileobj)
            if any(key.data is None for key, _ in ready):
                asked = control.recv(1)
                for stream in streams:
                    stream.drain()
                if not asked:
                    break
                log.save()
                control.send(asked)
            elif time.monotonic() - saved >= SAVE_SECONDS:
                log.save()
                saved = time.monotonic()
    for stream in streams:
        stream.end()
    log.save()


def _write_all(target: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(target, view) :]


def main(path: str, *sources: str) -> None:
    """Keep the output of the step whose end of the control socket is this process's standard input.

    Args:
        path: of the log.
        sources: the pipe of its standard output, and of its standard error where that is another.
    """
    log = LogFile(Path(path))
    streams = [Stream(int(source), target, log) for target, source in enumerate(sources, start=1)]
    keep(socket.socket(fileno=0), streams, log)


if __name__ == "__main__":
    main(*sys.argv[1:])
