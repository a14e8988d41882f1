"""A command in a process group of its own: its output line by line, its end, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

TAIL_LINES = 5


class ProcessGroup:
    """A running command. It leads a process group, so that what it starts ends with it."""

    def __init__(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> None:
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            process_group=0,
        )
        # something the step left running would hold the pipe open, and the reader would wait for it
        threading.Thread(target=self._reap, daemon=True).start()

    def lines(self) -> Iterator[str]:
        """What the step writes, line by line, until it has ended."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            text = line.rstrip()
            if text:
                self.tail.append(text)
                yield text

    def wait(self) -> int:
        """The exit code; negative is the number of the signal that killed it."""
        return self._process.wait()

    def stop(self, grace: float) -> None:
        """SIGTERM to the group, and SIGKILL when it has not ended within `grace` seconds."""
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)

    def _reap(self) -> None:
        self._process.wait()
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):  # the group has ended, or only a zombie is left of it
            os.killpg(self._process.pid, number)
