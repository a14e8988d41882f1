"""Everything that a step's process and its children print, kept in the log of its try."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from airflow_mlkit.steps import output_keeper

_OUTPUTS = (1, 2)
_MEANT_FOR_THE_STEP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ANSWER_SECONDS = 30.0
"""How long the keeper is waited for; it writes to whatever the step writes to, which may be slow."""


@contextmanager
def keep_output(path: Path) -> Iterator[Callable[[], None]]:
    """Keep what is printed in a file, beside where it goes anyway. For a process whose outputs are its own.

    What is given back sees to it that all that was printed before is in the file.

    Args:
        path: of the file.
    """
    before = [os.dup(output) for output in _OUTPUTS]
    ours, theirs = socket.socketpair()
    keeper = _start_keeper(path, theirs)
    ours.settimeout(_ANSWER_SECONDS)
    try:
        yield lambda: _save(ours)
    finally:
        _flush()
        for output, original in zip(_OUTPUTS, before, strict=True):
            os.dup2(original, output)
            os.close(original)
        ours.close()
        with suppress(subprocess.TimeoutExpired):
            keeper.wait(_ANSWER_SECONDS)


def _start_keeper(path: Path, control: socket.socket) -> subprocess.Popen[bytes]:
    """Start it, and let this process and all that it starts write to it."""
    _flush()
    is_one = os.path.samestat(os.fstat(1), os.fstat(2))  # lines that go to one place keep their order
    pipes = [os.pipe() for _ in (_OUTPUTS[:1] if is_one else _OUTPUTS)]
    sources = [source for source, _ in pipes]
    command = [sys.executable, "-I", "-S", output_keeper.__file__, str(path), *map(str, sources)]
    with control, _signals_blocked():
        keeper: subprocess.Popen[bytes] = subprocess.Popen(command, stdin=control.fileno(), pass_fds=sources)
    for output, (_, sink) in zip(_OUTPUTS, [pipes[0], pipes[-1]], strict=True):
        os.dup2(sink, output)
    for descriptor in {each for pipe in pipes for each in pipe}:
        os.close(descriptor)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # what is printed must outlive a SIGKILL
    return keeper


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """What is started here never sees a signal that is meant for the step: its last lines are still to come."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _MEANT_FOR_THE_STEP)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _save(control: socket.socket) -> None:
    _flush()
    with suppress(OSError):  # a keeper that was killed, or waits for a slow disk, must not end the step
        control.send(b"s")
        control.recv(1)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    ctypes.CDLL(None).fflush(None)  # what C code has printed
