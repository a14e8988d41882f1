"""Reading and listing where runs lie with one request each: a bucket takes tens of milliseconds for every one."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from upath import UPath

from airflow_mlkit.rundir.patience import patiently
from airflow_mlkit.rundir.place import is_local


def find_content(path: UPath) -> bytes | None:
    """The content of a file; None where there is none. What else is raised is the store's."""
    try:
        if is_local(path):
            return Path(path.path).read_bytes()
        content: bytes = patiently(path, lambda: path.fs.cat_file(path.path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return content


def list_names(folder: UPath) -> list[str]:
    """The names of what lies in a folder; none where there is no folder. What is raised is the store's."""
    try:
        if is_local(folder):
            return [path.name for path in Path(folder.path).iterdir()]
        found = patiently(folder, lambda: folder.fs.ls(folder.path, detail=False))
        return [PurePosixPath(path).name for path in found]
    except (FileNotFoundError, NotADirectoryError):  # the second one is how some buckets say that nothing lies there
        return []
