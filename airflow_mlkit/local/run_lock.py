"""A lock that says that a run is in progress here. The system lets go of it when the process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from airflow_mlkit.exceptions import UserError
from airflow_mlkit.rundir import RunDirectory
from airflow_mlkit.rundir.run_directory import is_local

LOCK_FILE = "running.lock"

LOOK_SECONDS = 0.5
"""How long a run that begins waits for who only looks: that takes microseconds, or a pause of the machine."""


@contextmanager
def hold_run(run: RunDirectory) -> Iterator[None]:
    """Hold the run for this process. Runs in a bucket are not held: their tries and generations keep them whole.

    Raises:
        UserError: when another process is at work on it.
    """
    if not is_local(run.root):
        yield
        return
    path = Path(run.root.path) / LOCK_FILE
    with path.open("a+", encoding="utf-8") as file:
        if not _lock(file, LOOK_SECONDS):
            file.seek(0)
            raise UserError(
                f"The run {run.root.name} is in progress (process {file.read().strip() or 'unknown'}).",
                hint="Wait for it, stop it, or start a new run without --resume.",
            )
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _lock(file: IO[str], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        else:
            return True


def is_held(folder: Path) -> bool:
    """Whether a process of this machine is at work on the run in a folder."""
    path = folder / LOCK_FILE
    if not path.exists():
        return False
    with path.open("a", encoding="utf-8") as file:
        try:
            # shared, so that two who look do not take each other for a run
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
