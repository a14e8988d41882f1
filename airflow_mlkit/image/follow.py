"""Running a program while somebody reads along."""

from __future__ import annotations

import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from airflow_mlkit.exceptions import ImageError

LAST = 15
"""As many lines as are kept for an error: a screen with room for the sentence."""

_LONGEST = 1 << 16
_WIDEST = 1000
_GRACE_SECONDS = 10


def follow(
    command: Sequence[str],
    tell: Callable[[str], None],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> tuple[int, list[str]]:
    """Run a program and pass on what it says, line by line. It ends with this process, however that is told to end.

    Returns:
        Its exit status and its last lines.

    Raises:
        ImageError: when it cannot be started.
    """
    last: deque[str] = deque(maxlen=LAST)
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=None if environment is None else dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise ImageError(f"{command[0]} cannot be started: {error.strerror}.") from error
    with process:
        try:
            while process.stdout and (raw := process.stdout.readline(_LONGEST)):
                if line := printable(raw):
                    last.append(line)
                    tell(line)
            return process.wait(), list(last)
        finally:
            _end(process)


def printable(text: str) -> str:
    r"""A line of a program's output without what would act on a terminal, cut where it is endless.

    >>> printable("\x1b[31mSTEP 1\t\n")
    '[31mSTEP 1'
    """
    return "".join(char if char.isprintable() else " " for char in text).strip()[:_WIDEST]


def last_line(text: str) -> str:
    """The last line that a program said; empty when it said nothing."""
    lines = [line for line in map(printable, text.splitlines()) if line]
    return lines[-1] if lines else ""


def _end(process: subprocess.Popen[str]) -> None:
    """A build that nobody waits for goes on for minutes, and holds the builder's locks."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
