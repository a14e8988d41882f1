"""A folder for one reproduction. It goes when that ends, and what a killed one left goes with the next."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_PREFIX = "mlkit-reproduce-"
_LOCK = "running.lock"
_BEGINNING_SECONDS = 60
"""A folder without a lock that is younger than this is just being made."""


@dataclass
class Scratch:
    """Where the folder is; another place once it was kept."""

    folder: Path


@contextmanager
def open_scratch(*, keep: bool) -> Iterator[Scratch]:
    """Make the folder, locked for as long as this process lives; remove it afterwards unless it is to be kept.

    Args:
        keep: whether it stays, under another name, when all went through.
    """
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    scratch = Scratch(folder)
    try:
        with (folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield scratch
        if keep:
            (folder / _LOCK).unlink()
            scratch.folder = folder.rename(folder.with_name(folder.name.replace(_PREFIX, "mlkit-reproduced-")))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep() -> None:
    """Remove what reproductions left that were killed: it holds rows."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if not folder.is_symlink() and folder.stat().st_uid == os.getuid() and _is_left(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path) -> bool:
    path = folder / _LOCK
    if not path.exists():
        return time.time() - folder.stat().st_mtime > _BEGINNING_SECONDS
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
