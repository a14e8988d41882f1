"""Creating a file only if it is absent: the one atomic act that a local folder, S3 and GCS have in common.

Local: write a temporary file, `os.link` it, unlink the temporary name. S3 and GCS: a create-only write
(`If-None-Match: *`, `ifGenerationMatch=0`). Some S3 look-alikes ignore the condition, so each store is asked once whether a
second create really fails.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from upath import UPath

from airflow_mlkit.exceptions import RunDirectoryError

_PROBED: set[str] = set()


def create_only(path: UPath, content: bytes) -> bool:
    """Create a file with its whole content, unless it is there. Returns whether this call created it.

    Raises:
        RunDirectoryError: when the store cannot promise that only one of two creates succeeds.
    """
    if path.protocol in ("", "file"):
        return _link(Path(path.path), content)
    _probe(path)
    return _put(path, content)


def _link(path: Path, content: bytes) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex}.tmp"
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _put(path: UPath, content: bytes) -> bool:
    try:
        path.fs.pipe_file(path.path, content, mode="create")
    except FileExistsError:
        return False
    return True


def _probe(path: UPath) -> None:
    store = f"{path.protocol}://{path.path.strip('/').partition('/')[0]}"
    if store in _PROBED:
        return
    marker = UPath(f"{store}/.mlkit-create-only-{uuid.uuid4().hex}", **path.storage_options)
    try:
        if not _put(marker, b"1") or _put(marker, b"2"):
            raise RunDirectoryError(
                f"{store} lets a second create-only write replace the first; runs and champions are not safe there.",
                hint="Use a store with conditional writes: Google Cloud Storage, Amazon S3, or a recent S3-compatible one.",
            )
    finally:
        marker.unlink(missing_ok=True)
    _PROBED.add(store)
