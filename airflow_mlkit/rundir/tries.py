"""One process's attempt at a step: the folder it writes into, and how it ends."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from upath import UPath

from airflow_mlkit.exceptions import StoreError
from airflow_mlkit.rundir.canonical import hash_file
from airflow_mlkit.rundir.checkpoint_folder import CheckpointFolder
from airflow_mlkit.rundir.create_only import create_only
from airflow_mlkit.rundir.patience import patiently
from airflow_mlkit.rundir.place import is_local, store_errors
from airflow_mlkit.rundir.records import FileRecord, SizeRecord, StepRecord

POD_VARIABLE = "MLKIT_POD"
"""The environment variable that tells a step the name of its pod."""

LOG_FILE = "log.txt"
LOG_MIDDLE = "log.middle.txt.gz"
"""What is left out between the two ends of a long log, compressed."""

_OWN_FILES = frozenset({"started.json", "outcome.json", LOG_FILE, LOG_MIDDLE})


class Try:
    """One try of a generation. It writes into `folder`, which is always on this machine.

    It ends in this order: `seal` what was made, write the last lines of the log, `end`, and `publish` if it went well.
    A process that dies on the way has published nothing.
    """

    def __init__(
        self,
        step: str,
        root: UPath,
        generation: int,
        number: int,
        started: datetime,
        *,
        size: SizeRecord | None = None,
    ) -> None:
        self.step, self.root, self.generation, self.number, self.started = step, root, generation, number, started
        self.size = size
        self._middle_saved = 0
        self._scratch = None if is_local(root) else tempfile.TemporaryDirectory(prefix=f"mlkit-{step}-")
        self.folder = Path(self._scratch.name) if self._scratch else Path(root.path)

    @property
    def log(self) -> Path:
        """The try's log, on this machine."""
        return self.folder / LOG_FILE

    @cached_property
    def checkpoints(self) -> CheckpointFolder:
        """What the tries of this generation leave to each other; none of it is published."""
        return CheckpointFolder(self.root.parent.parent / "checkpoints")

    def seal(self) -> dict[str, FileRecord]:
        """Hash the files that were made, and bring them to where the run lies. Nothing is published by it."""
        files = {name: FileRecord(sha256=hash_file(path), size=path.stat().st_size) for name, path in self._made()}
        for name in files:
            self._upload(name)
        return files

    def record(self, **fields: Any) -> StepRecord:
        """How this try ended, as it will be written.

        Args:
            fields: `outcome`, `exit_code`, `files` and the other fields of `StepRecord`.
        """
        return StepRecord(
            step=self.step,
            generation=self.generation,
            try_number=self.number,
            started=self.started,
            ended=datetime.now(UTC),
            size=self.size,
            pod=os.environ.get(POD_VARIABLE),
            **fields,
        )

    def end(self, record: StepRecord) -> None:
        """Bring the log to where the run lies, and write the outcome beside it."""
        self.save_log()
        create_only(self.root / "outcome.json", record.to_bytes())

    def publish(self, record: StepRecord) -> bool:
        """Make the try public, unless another try of this generation was first. Returns whether this one was."""
        return create_only(self.root.parent.parent / "published.json", record.to_bytes())

    @property
    def is_local(self) -> bool:
        """Whether the run lies on this machine, and not in a bucket."""
        return self._scratch is None

    def show_life(self) -> None:
        """Leave a sign that the process is still at work: the time of the log where the run lies."""
        if self.is_local:
            self.log.touch()
        else:
            self.save_log()

    def save_log(self) -> None:
        """Bring the log, as it is now, to where the run lies; of a long one the middle too, where that has grown."""
        if self.log.exists():
            self._upload(LOG_FILE)
        middle = self.folder / LOG_MIDDLE
        if middle.exists() and (size := middle.stat().st_size) > self._middle_saved:
            self._upload(LOG_MIDDLE)
            self._middle_saved = size

    def _made(self) -> Iterator[tuple[str, Path]]:
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            if path.is_file() and name not in _OWN_FILES:
                yield name, path

    def _upload(self, name: str) -> None:
        if self._scratch is not None:
            target = self.root / name
            try:
                patiently(target, lambda: target.fs.put_file(str(self.folder / name), target.path))
            except store_errors() as error:
                raise StoreError(f"{target} cannot be written: {error}") from error
