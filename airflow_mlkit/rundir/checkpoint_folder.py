"""What a try leaves behind for the one that follows it, should it be killed: the checkpoints of a generation."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from upath import UPath

from airflow_mlkit.rundir.one_request import find_content
from airflow_mlkit.rundir.place import is_local, make_folder
from airflow_mlkit.rundir.replace_file import replace_file


class CheckpointFolder:
    """`checkpoints/` of a generation. Every try of it reads what an earlier one has left, and replaces it."""

    def __init__(self, root: UPath) -> None:
        self.root = root
        self._is_used = False

    def read(self, name: str) -> bytes | None:
        """A checkpoint's content; None where there is none. What is raised is the store's."""
        content = find_content(self.root / name)
        self._is_used |= content is not None
        return content

    def write(self, name: str, content: bytes) -> None:
        """Put a checkpoint in the place of the one before: whole, or not at all. What is raised is the store's."""
        self._is_used = True
        if is_local(self.root):
            path = Path((self.root / name).path)
            make_folder(path.parent)
            replace_file(path, content)
        else:  # a bucket shows an object when all of it is there
            (self.root / name).fs.pipe_file((self.root / name).path, content)

    def remove(self) -> None:
        """Remove all of them, where any was read or written here. What is raised is the store's."""
        if self._is_used:
            with suppress(FileNotFoundError):
                self.root.fs.rm(self.root.path, recursive=True)
