"""SIGTERM as an exception: a step that is told to stop ends its try in good order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from airflow_mlkit.exceptions import StepTerminated


class Termination:
    """Whether this process was told to stop, and whether that may still interrupt it."""

    def __init__(self) -> None:
        self._interrupts = True
        self._received = False

    def check(self) -> None:
        """Stop here when that was asked for, though somebody's `except` has swallowed the interruption.

        Raises:
            StepTerminated: when SIGTERM has come.
        """
        if self._received:
            raise StepTerminated("Stopped by SIGTERM; nothing was published.")

    def hold(self) -> None:
        """From here on the process ends by itself in a moment, and is not interrupted any more."""
        self._interrupts = False

    def handle(self, _signal: int, _frame: FrameType | None) -> None:
        """What SIGTERM does: interrupt, once."""
        self._received = True
        if self._interrupts:
            self._interrupts = False
            self.check()


@contextmanager
def stop_on_sigterm() -> Iterator[Termination]:
    """Let SIGTERM raise StepTerminated inside the block. In another thread than the main one it stays as it is."""
    termination = Termination()
    if threading.current_thread() is not threading.main_thread():
        yield termination
        return
    before = signal.signal(signal.SIGTERM, termination.handle)
    try:
        yield termination
    finally:
        signal.signal(signal.SIGTERM, before)
