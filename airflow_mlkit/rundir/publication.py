"""What a step made public, read with its hashes checked."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from upath import UPath

from airflow_mlkit.exceptions import RunDirectoryError
from airflow_mlkit.rundir.canonical import hash_file, hash_value
from airflow_mlkit.rundir.patience import patiently
from airflow_mlkit.rundir.place import is_local
from airflow_mlkit.rundir.records import StepRecord


class Publication:
    """What a step made public: its record and its files. A file is checked when it is first asked for."""

    def __init__(self, root: UPath, record: StepRecord) -> None:
        self.root, self.record = root, record
        self._checked: set[str] = set()

    @property
    def hash(self) -> str:
        """The hash of what was made, without times, tries and places."""
        return hash_value(
            {
                "step": self.record.step,
                "outcome": self.record.outcome,
                "files": {name: file.sha256 for name, file in self.record.files.items()},
            }
        )

    @property
    def summary(self) -> dict[str, Any]:
        """The few numbers that the step left for pages and terminals."""
        return self.record.summary

    def uri(self, name: str = "") -> UPath:
        """Where a file of the publication lies."""
        folder = self.root / "tries" / str(self.record.try_number)
        return folder / name if name else folder

    def file(self, name: str) -> Path:
        """A file of the publication on this machine; fetched when it lies in a bucket.

        Raises:
            RunDirectoryError: when it was not published, is gone, or is not the file that was published.
        """
        local = self._folder / name
        if name not in self._checked:
            self._fetch(name, local)
            self._check(name, local)
            self._checked.add(name)
        return local

    def folder(self, name: str) -> Path:
        """A folder of the publication on this machine, each of its files checked.

        Raises:
            RunDirectoryError: when it holds nothing, or a file is not the one that was published.
        """
        files = [file for file in self.record.files if file.startswith(f"{name}/")]
        if not files:
            raise RunDirectoryError(f"{self.uri()} published no folder {name}.")
        for file in files:
            self.file(file)
        return self._folder / name

    @cached_property
    def _folder(self) -> Path:
        return Path(self.uri().path) if is_local(self.root) else Path(self._scratch.name)

    @cached_property
    def _scratch(self) -> tempfile.TemporaryDirectory[str]:
        return tempfile.TemporaryDirectory(prefix=f"mlkit-{self.record.step}-")

    def _fetch(self, name: str, local: Path) -> None:
        if name not in self.record.files:
            raise RunDirectoryError(f"{self.uri()} published no file {name}.")
        source = self.uri(name)
        if not is_local(self.root):
            local.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                patiently(source, lambda: source.fs.get_file(source.path, str(local)))
        if not local.is_file():
            raise RunDirectoryError(f"{source} is gone.", hint=f"Run the step {self.record.step} again.")

    def _check(self, name: str, local: Path) -> None:
        if hash_file(local) != self.record.files[name].sha256:
            raise RunDirectoryError(
                f"{self.uri(name)} is not the file that was published: its hash differs.",
                hint=f"It was changed afterwards or written by halves. Run the step {self.record.step} again.",
            )
