"""Creating a file only if it is absent: the one atomic act that a local folder, S3 and GCS have in common.

Local: write a temporary file, `os.link` it, unlink the temporary name. S3 and GCS: a create-only write
(`If-None-Match: *`, `ifGenerationMatch=0`). Some S3 look-alikes ignore the condition, so each store is asked once
whether a second create really fails.
"""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path

from upath import UPath

from airflow_mlkit.exceptions import RunDirectoryError, StoreError
from airflow_mlkit.rundir.one_request import find_content
from airflow_mlkit.rundir.patience import find_store, patiently
from airflow_mlkit.rundir.place import make_folder, store_errors

_TRUSTED: set[str] = set()


def create_only(path: UPath, content: bytes) -> bool:
    """Create a file with its whole content, unless it is there. Returns whether this call created it.

    Args:
        path: local, `gs://` or `s3://`.
        content: something only this writer writes (a time, a try's number): in a bucket it tells a write whose answer
            was lost on the way, and which was sent again, from one that came second.

    Raises:
        StoreError: when it cannot be written.
        RunDirectoryError: when the place cannot promise that only one of two creates succeeds.
    """
    if path.protocol in ("", "file"):
        return _link(Path(path.path), content)
    created = _put(path, content)
    if created:
        _ask_once(path, content)
    return created or find_content(path) == content


def _link(path: Path, content: bytes) -> bool:
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex}.tmp"
    try:
        make_folder(path.parent)
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        return _is_linked(temporary, path)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror}.",
            hint="Runs need a folder that can be written to and has hard links, or gs:// or s3://.",
        ) from error
    finally:
        with suppress(OSError):  # what went wrong with the folder was told above
            temporary.unlink(missing_ok=True)


def _is_linked(temporary: Path, path: Path) -> bool:
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    return True


def _put(path: UPath, content: bytes) -> bool:
    try:
        patiently(path, lambda: path.fs.pipe_file(path.path, content, mode="create"))
    except FileExistsError:
        return False
    except store_errors() as error:
        raise StoreError(
            f"{path} cannot be written: {getattr(error, 'strerror', None) or error}.",
            hint="Is the bucket there, and may you write to it?",
        ) from error
    return True


def _ask_once(path: UPath, content: bytes) -> None:
    """Write what was just created a second time; a store that lets that pass would let anybody's write pass."""
    store = find_store(path)
    if store in _TRUSTED:
        return
    if _put(path, content):
        raise RunDirectoryError(
            f"{store} lets a second create-only write replace the first; runs and champions are not safe there.",
            hint="Use a store with conditional writes: Google Cloud Storage, Amazon S3, or a recent S3-compatible one.",
        )
    _TRUSTED.add(store)
