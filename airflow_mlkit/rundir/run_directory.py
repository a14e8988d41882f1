"""The layout of a run, local or in a bucket.

    <runs>/<name>/<run id>/
        run.json                                     which run this is, its as_of and its parameters
        steps/<step>/<generation>/tries/<n>/...      what try n made, its log.txt and its outcome.json; never renamed
        steps/<step>/<generation>/published.json     created only if absent: the try that later steps read

A generation is one asking for the step: all its retries share one, and clearing the task in Airflow, or starting the step
again by hand, begins the next. Later steps read the newest one that was published.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import ValidationError
from upath import UPath

from airflow_mlkit.exceptions import RunDirectoryError
from airflow_mlkit.rundir.canonical import hash_file, hash_value
from airflow_mlkit.rundir.create_only import create_only
from airflow_mlkit.rundir.records import FileRecord, Record, RunRecord, StepRecord

AnyRecord = TypeVar("AnyRecord", bound=Record)

MAX_TRIES = 10_000


def is_local(path: UPath) -> bool:
    """Whether a path lies on this machine's file system."""
    return path.protocol in ("", "file")


class RunDirectory:
    """One run: its record and its steps."""

    def __init__(self, root: UPath | Path | str) -> None:
        self.root = UPath(root)

    @classmethod
    def create(cls, root: UPath | Path | str, record: RunRecord) -> Self:
        """Begin a run, or join the one that another process began at this place.

        Raises:
            RunDirectoryError: when another pipeline's run lies there.
        """
        directory = cls(root)
        created = create_only(directory.root / "run.json", record.to_bytes())
        if not created and directory.record.name != record.name:
            raise RunDirectoryError(f"{root} is a run of {directory.record.name!r}, not of {record.name!r}.")
        return directory

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return (self.root / "run.json").exists()

    @cached_property
    def record(self) -> RunRecord:
        """What `run.json` says.

        Raises:
            RunDirectoryError: when there is none, or it cannot be read.
        """
        return _read(self.root / "run.json", RunRecord, hint="Is this a run directory? mlkit run prints the one it uses.")

    def step(self, name: str) -> StepDirectory:
        """The part of the run that one step writes."""
        return StepDirectory(self.root / "steps" / name, name)

    def published(self, name: str) -> Publication:
        """What a step made public last.

        Raises:
            RunDirectoryError: when it has published nothing yet.
        """
        found = self.step(name).published()
        if found is None:
            raise RunDirectoryError(f"{self.root}: the step {name} has published nothing yet.", hint=f"Run {name} first.")
        return found


class StepDirectory:
    """All generations and tries of one step."""

    def __init__(self, root: UPath, name: str) -> None:
        self.root, self.name = root, name

    def generations(self) -> list[int]:
        """The numbers of the generations that were begun, in order."""
        return _numbers(self.root)

    def published(self, generation: int | None = None) -> Publication | None:
        """The publication of one generation, or of the newest that has one; None where there is none."""
        for number in [generation] if generation else reversed(self.generations()):
            path = self.root / str(number) / "published.json"
            if path.exists():
                return Publication(path.parent, _read(path, StepRecord))
        return None

    def next_generation(self) -> int:
        """One above the newest published one."""
        newest = self.published()
        return newest.record.generation + 1 if newest else 1

    def begin(self, generation: int | None = None) -> Try:
        """Claim the next try of a generation (by default of the next one)."""
        number = generation or self.next_generation()
        tries = self.root / str(number) / "tries"
        for candidate in range(max(_numbers(tries), default=0) + 1, MAX_TRIES):
            started = datetime.now(UTC)
            if create_only(tries / str(candidate) / "started.json", f'{{"started": "{started.isoformat()}"}}\n'.encode()):
                return Try(self.name, tries / str(candidate), number, candidate, started)
        raise RunDirectoryError(f"{tries}: more than {MAX_TRIES} tries.")

    def tries(self, generation: int | None = None) -> list[StepRecord]:
        """The outcomes of the tries that ended, oldest first; of every generation unless one is named."""
        found = []
        for number in [generation] if generation else self.generations():
            for attempt in _numbers(self.root / str(number) / "tries"):
                path = self.root / str(number) / "tries" / str(attempt) / "outcome.json"
                if path.exists():
                    found.append(_read(path, StepRecord))
        return found


class Try:
    """One process's attempt at a step. It writes into `folder`, which is always on this machine."""

    def __init__(self, step: str, root: UPath, generation: int, number: int, started: datetime) -> None:
        self.step, self.root, self.generation, self.number, self.started = step, root, generation, number, started
        self._scratch = None if is_local(root) else tempfile.TemporaryDirectory(prefix=f"mlkit-{step}-")
        self.folder = Path(self._scratch.name) if self._scratch else Path(root.path)

    def end(self, **fields: Any) -> StepRecord:
        """Write the try's outcome with the hashes of its files. Nothing is published by it.

        Args:
            fields: `outcome`, `exit_code` and the other fields of `StepRecord`.
        """
        files = {name: FileRecord(sha256=hash_file(path), size=path.stat().st_size) for name, path in self._files()}
        record = StepRecord(
            step=self.step,
            generation=self.generation,
            try_number=self.number,
            files=files,
            started=self.started,
            ended=datetime.now(UTC),
            **fields,
        )
        self._upload()
        create_only(self.root / "outcome.json", record.to_bytes())
        return record

    def publish(self, record: StepRecord) -> bool:
        """Make the try public, unless another try of this generation was first. Returns whether this one was."""
        return create_only(self.root.parent.parent / "published.json", record.to_bytes())

    def _files(self) -> Iterator[tuple[str, Path]]:
        skipped = {"started.json", "outcome.json", "log.txt"}
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            if path.is_file() and name not in skipped:
                yield name, path

    def _upload(self) -> None:
        if self._scratch is None:
            return
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                target = self.root / path.relative_to(self.folder).as_posix()
                target.fs.put_file(str(path), target.path)


class Publication:
    """What a step made public: its record and its files, read with their hashes checked."""

    def __init__(self, root: UPath, record: StepRecord) -> None:
        self.root, self.record = root, record
        self._cache: tempfile.TemporaryDirectory[str] | None = None
        self._checked: dict[str, Path] = {}

    @property
    def hash(self) -> str:
        """The hash of what was made and of what it was made from, without times, tries and places."""
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
        if name not in self._checked:
            self._checked[name] = self._fetch(name)
        return self._checked[name]

    def folder(self, name: str) -> Path:
        """A folder of the publication on this machine, each of its files checked.

        Raises:
            RunDirectoryError: when it holds nothing, or a file is not the one that was published.
        """
        files = [self.file(file) for file in self.record.files if file.startswith(f"{name}/")]
        if not files:
            raise RunDirectoryError(f"{self.uri()} published no folder {name}.")
        depth = len(Path(next(file for file in self.record.files if file.startswith(f"{name}/"))).parts) - 2
        return files[0].parents[depth]

    def _fetch(self, name: str) -> Path:
        if name not in self.record.files:
            raise RunDirectoryError(f"{self.uri()} published no file {name}.")
        local = self._local(name)
        if not local.is_file():
            raise RunDirectoryError(f"{self.uri(name)} is gone.", hint=f"Run the step {self.record.step} again.")
        if hash_file(local) != self.record.files[name].sha256:
            raise RunDirectoryError(
                f"{self.uri(name)} is not the file that was published: its hash differs.",
                hint=f"It was changed afterwards or written by halves. Run the step {self.record.step} again.",
            )
        return local

    def _local(self, name: str) -> Path:
        source = self.uri(name)
        if is_local(source):
            return Path(source.path)
        self._cache = self._cache or tempfile.TemporaryDirectory(prefix=f"mlkit-{self.record.step}-")
        target = Path(self._cache.name) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.exists():
            source.fs.get_file(source.path, str(target))
        return target


def _numbers(folder: UPath) -> list[int]:
    if not folder.exists():
        return []
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit())


def _read(path: UPath, model: type[AnyRecord], hint: str | None = None) -> AnyRecord:
    try:
        return model.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise RunDirectoryError(f"{path} is not there.", hint=hint) from None
    except ValidationError as error:
        raise RunDirectoryError(f"{path} is damaged: {error.errors()[0]['msg']}.", hint=hint) from None
