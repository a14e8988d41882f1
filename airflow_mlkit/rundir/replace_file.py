"""Replacing a local file: whole, or not at all."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Put content in the place of a file. Who reads it meanwhile, or after a power cut, has the old or the new one.

    Raises:
        OSError: when it cannot be written; the old one stays.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with suppress(OSError):  # a disk that is full must not keep half a file
            temporary.unlink(missing_ok=True)
