"""The layout of a run, local or in a bucket.

    <runs>/<name>/<run id>/
        run.json                                     which run this is, its as_of and its parameters
        steps/<step>/<generation>/tries/<n>/...      what try n made, its log.txt and its outcome.json; never renamed
        steps/<step>/<generation>/published.json     created only if absent: the try that later steps read
        steps/<step>/<generation>/checkpoints/...    where the next try goes on; removed at the end
        steps/<step>/<generation>/pods/<n>.json      on Kubernetes, what became of each pod that the step had
        steps/<step>/<generation>/asked/<pod>.json   the task's word to a pod that was started ahead: begin

A generation is one asking for the step: all its retries share one, and clearing the task in Airflow, or starting the
step again by hand, begins the next. Later steps read the newest one that was published.
"""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Self, TypeVar

from pydantic import ValidationError
from upath import UPath

from airflow_mlkit.exceptions import RunDirectoryError, StoreError
from airflow_mlkit.rundir.create_only import create_only
from airflow_mlkit.rundir.one_request import find_content, list_names
from airflow_mlkit.rundir.place import is_local, open_place
from airflow_mlkit.rundir.publication import Publication
from airflow_mlkit.rundir.records import PodRecord, Record, RunRecord, SizeRecord, StepRecord, TryStart
from airflow_mlkit.rundir.tries import LOG_FILE, POD_VARIABLE, Try

__all__ = ["RunDirectory", "StepDirectory", "is_local"]

AnyRecord = TypeVar("AnyRecord", bound=Record)

MAX_TRIES = 10_000


class RunDirectory:
    """One run: its record and its steps.

    Raises:
        RunDirectoryError: when no run can lie at the place.
        MissingExtraError: when what opens this kind of bucket is not installed.
    """

    def __init__(self, root: UPath | Path | str) -> None:
        self.root = open_place(root)

    @classmethod
    def create(cls, root: UPath | Path | str, record: RunRecord) -> Self:
        """Begin a run, or join the one that another process began at this place.

        Raises:
            RunDirectoryError: when another pipeline's run lies there.
        """
        directory = cls(root)
        created = create_only(directory.root / "run.json", record.to_bytes())
        if not created and directory.record.name != record.name:
            raise RunDirectoryError(
                f"{root} is a run of {directory.record.name!r}, not of {record.name!r}.",
                hint="Take another run directory, or the other project.",
            )
        return directory

    @property
    def exists(self) -> bool:
        """Whether a run was begun here.

        Raises:
            StoreError: when the place cannot be reached.
        """
        try:
            return find_content(self.root / "run.json") is not None
        except Exception as error:  # each kind of bucket has errors of its own, for credentials and for the network
            raise StoreError(
                f"{self.root} cannot be reached: {error}.", hint="Look at the credentials and at the address."
            ) from error

    @cached_property
    def record(self) -> RunRecord:
        """What `run.json` says.

        Raises:
            RunDirectoryError: when there is none, or it cannot be read.
        """
        return _read(self.root / "run.json", RunRecord, "Is this a run directory? mlkit run prints the one it uses.")

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
            raise RunDirectoryError(
                f"{self.root}: the step {name} has published nothing yet.", hint=f"Run {name} first."
            )
        return found


class StepDirectory:
    """All generations and tries of one step."""

    def __init__(self, root: UPath, name: str) -> None:
        self.root, self.name = root, name

    def generations(self) -> list[int]:
        """The numbers of the generations that were begun, in order."""
        return _numbers(self.root)

    def published(self, generation: int | None = None) -> Publication | None:
        """The publication of one generation, or of the newest that has one; None where there is none.

        Raises:
            RunDirectoryError: when its record cannot be read.
        """
        for number in [generation] if generation else reversed(self.generations()):
            path = self.root / str(number) / "published.json"
            if record := _find(path, StepRecord, f"Run the step {self.name} again."):
                return Publication(path.parent, record)
        return None

    def next_generation(self) -> int:
        """One above the newest published one."""
        newest = max((number for number in self.generations() if self._is_published(number)), default=0)
        return newest + 1

    def begin(self, generation: int | None = None, size: SizeRecord | None = None) -> Try:
        """Claim the next try of a generation (by default of the next one).

        Args:
            generation: which asking for the step this is.
            size: what the try asks for; it is written down at once, for a process that dies tells nothing any more.

        Raises:
            RunDirectoryError: when the place cannot be written to.
        """
        number = generation or self.next_generation()
        tries = self.root / str(number) / "tries"
        for candidate in range(max(_numbers(tries), default=0) + 1, MAX_TRIES):
            started = datetime.now(UTC)
            claim = TryStart(started=started, claim=uuid.uuid4().hex, size=size, pod=os.environ.get(POD_VARIABLE))
            if create_only(tries / str(candidate) / "started.json", claim.to_bytes()):
                return Try(self.name, tries / str(candidate), number, candidate, started, size=size)
        raise RunDirectoryError(f"{tries}: more than {MAX_TRIES} tries.", hint="Begin a new run.")

    def tries(self, generation: int | None = None) -> list[StepRecord]:
        """The outcomes of the tries that ended, oldest first; of every generation unless one is named."""
        outcomes = [
            _find(self.root / str(number) / "tries" / str(attempt) / "outcome.json", StepRecord)
            for number in ([generation] if generation else self.generations())
            for attempt in _numbers(self.root / str(number) / "tries")
        ]
        return [outcome for outcome in outcomes if outcome]

    def find_log(self, generation: int, pod: str) -> UPath | None:
        """The log of the try that ran in a pod; None where none began in it, or it has no log yet."""
        tries = self.root / str(generation) / "tries"
        for number in reversed(_numbers(tries)):
            folder = tries / str(number)
            if _read(folder / "started.json", TryStart).pod == pod:
                log = folder / LOG_FILE
                return log if log.exists() else None
        return None

    def pods(self, generation: int) -> list[PodRecord]:
        """What became of the pods of a generation, oldest first."""
        folder = self.root / str(generation) / "pods"
        return [_read(folder / f"{number}.json", PodRecord) for number in _numbers(folder, ".json")]

    def add_pod(self, generation: int, record: PodRecord) -> list[PodRecord]:
        """Write down what became of a pod, once. Returns all of them."""
        known = self.pods(generation)
        while record.pod not in [pod.pod for pod in known]:
            path = self.root / str(generation) / "pods" / f"{len(known) + 1}.json"
            if create_only(path, record.to_bytes()):
                return [*known, record]
            known = self.pods(generation)  # another process was faster
        return known

    def ask(self, generation: int, pod: str) -> None:
        """Tell a pod that was started ahead that its step may begin."""
        create_only(self._asked(generation, pod), b"{}")

    def is_asked(self, generation: int, pod: str) -> bool:
        """Whether the step may begin in a pod that was started ahead."""
        return find_content(self._asked(generation, pod)) is not None

    def _asked(self, generation: int, pod: str) -> UPath:
        return self.root / str(generation) / "asked" / f"{pod}.json"

    def _is_published(self, generation: int) -> bool:
        return find_content(self.root / str(generation) / "published.json") is not None


def _numbers(folder: UPath, suffix: str = "") -> list[int]:
    names = [name.removesuffix(suffix) for name in list_names(folder)]
    return sorted(int(name) for name in names if name.isdecimal() and name.isascii())


def _read(path: UPath, model: type[AnyRecord], hint: str | None = None) -> AnyRecord:
    found = _find(path, model, hint)
    if found is None:
        raise RunDirectoryError(f"{path} is not there.", hint=hint)
    return found


def _find(path: UPath, model: type[AnyRecord], hint: str | None = None) -> AnyRecord | None:
    try:
        content = find_content(path)
        return None if content is None else model.model_validate_json(content)
    except OSError as error:
        raise RunDirectoryError(f"{path} cannot be read: {error.strerror or error}.", hint=hint) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RunDirectoryError(f"{path} is damaged: {where and f'{where}: '}{first['msg']}.", hint=hint) from None
