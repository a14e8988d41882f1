"""An append-only log in a folder or a bucket: `1.json`, `2.json`, ..., each entry with the hash of the one before it.

Each entry is created only if it is absent, so that of two writers who have read the same newest entry one loses, and
decides again. No lock and no server.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Generic, NoReturn, TypeVar

from pydantic import Field, ValidationError
from upath import UPath

from airflow_mlkit.exceptions import RegistryError, RunDirectoryError
from airflow_mlkit.rundir import create_only, is_local, open_place, store_errors
from airflow_mlkit.rundir.records import Record

log = logging.getLogger("airflow_mlkit.promotion")

_PATIENCE = 6
"""So often in a row a number may be taken and not be listed, before the store is believed to be out of its mind."""

_PAUSE = 0.05
_RESTORE = "Bring the file back from a backup. Nothing is promoted and nothing is scored until the log is whole."


class ChainedRecord(Record):
    """Base of the entries.

    Attributes:
        n: counts from 1 without gaps.
        previous: the number of the entry before this one; None for the first. The log fills it in.
        previous_hash: sha256 of that entry's bytes: each entry vouches for all before it. The log fills it in.
    """

    n: int = Field(ge=1)
    previous: int | None = None
    previous_hash: str | None = None

    @property
    def trouble(self) -> str | None:
        """What contradicts itself in the entry, in a few words."""
        return None


Entry = TypeVar("Entry", bound=ChainedRecord)


class ChainedLog(Generic[Entry]):
    """The entries of one log, oldest first.

    An entry is never changed, so what was read once is remembered: a new head costs what is new. A process of its own,
    such as an audit, reads and checks everything itself.

    Args:
        uri: the log's folder, local, `gs://` or `s3://`.
    """

    entry_type: ClassVar[type[ChainedRecord]]

    def __init__(self, uri: UPath | Path | str) -> None:
        self.root = open_place(uri)
        self._read: dict[int, tuple[Entry, str]] = {}

    @property
    def uri(self) -> str:
        """Where the log lies."""
        return str(self.root)

    def head(self) -> Entry | None:
        """The newest entry; None where there is none yet.

        Raises:
            RegistryError: when an entry is missing, damaged, or not the one that its successor was chained to.
        """
        count = self._count()
        return self._chain(range(max(1, count - 1), count + 1))[-1] if count else None

    def entries(self) -> list[Entry]:
        """Every entry, oldest first, the whole chain checked.

        Raises:
            RegistryError: when an entry is missing, damaged, or not the one that its successor was chained to.
        """
        return self._chain(range(1, self._count() + 1))

    def append(self, entry: Entry) -> bool:
        """Create the entry at its number, unless another writer was first. Returns whether this one did.

        Args:
            entry: its `previous` and `previous_hash` are filled in here, from the entry that lies before its number.

        Raises:
            RegistryError: when the entry before it is not there, or the place cannot be written to.
        """
        chained = {"previous": entry.n - 1 or None, "previous_hash": self.hash_of(entry.n - 1) if entry.n > 1 else None}
        self._read.pop(entry.n, None)
        try:
            return create_only(self.file(entry.n), entry.model_copy(update=chained).to_bytes())
        except RunDirectoryError as error:
            raise RegistryError(
                error.message, hint="Nothing was changed. May you write there? It needs hard links, or gs:// or s3://."
            ) from error

    def extend(self, decide: Callable[[Sequence[Entry]], Entry | None]) -> Entry | None:
        """Append what `decide` makes of the log as it is now; when another writer was first, it decides again.

        Args:
            decide: from the entries to the next one, or to None when there is nothing to append.

        Returns:
            The entry as it was appended; None when there was nothing to append.

        Raises:
            RegistryError: as `append`; or when a number is taken again and again though no entry is listed at it.
        """
        in_vain = 0
        while True:
            entries = self.entries()
            entry = decide(entries)
            if entry is None:
                return None
            if self.append(entry):
                return self._chain(range(entry.n, entry.n + 1))[0]
            log.info("another writer was first at %s: deciding again", self.file(entry.n))
            in_vain = 0 if self._count() > len(entries) else in_vain + 1
            if in_vain == _PATIENCE:
                self._give_up(entry.n)
            time.sleep(_PAUSE * in_vain)

    def examine(self) -> tuple[list[Entry], list[RegistryError]]:
        """What can be read of the log whatever else is damaged, and each damage."""
        numbers, entries, damages = self._numbers(), [], []
        for n in range(1, max(numbers, default=0) + 1):
            try:
                if n not in numbers:
                    self._missing(n)
                entries.append(self._chain(range(n, n + 1))[0])
                if n - 1 in numbers:
                    self._chain_to(n, entries[-1], self.hash_of(n - 1))
            except RegistryError as error:
                damages.append(error)
        return entries, damages

    def hash_of(self, n: int) -> str:
        """sha256 of an entry's bytes.

        Raises:
            RegistryError: when it cannot be read.
        """
        return self._read[n][1] if n in self._read else _hash(self._fetch(n))

    def file(self, n: int) -> UPath:
        """Where an entry lies."""
        return self.root / f"{n}.json"

    def _count(self) -> int:
        numbers = self._numbers()
        expected = list(range(1, len(numbers) + 1))
        if numbers != expected:
            self._missing(min(set(expected) - set(numbers)))
        return len(numbers)

    def _numbers(self) -> list[int]:
        try:
            names = [UPath(name).name for name in self.root.fs.ls(self.root.path, detail=False)]
        except FileNotFoundError:
            return []
        except store_errors() as error:
            raise RegistryError(f"{self.root} cannot be listed: {error}.", hint="May you read it?") from error
        parts = (name.partition(".") for name in names)
        numbers = sorted(int(stem) for stem, _, suffix in parts if suffix == "json" and stem.isdigit())
        self._read = {n: self._read[n] for n in numbers if n in self._read}  # what is gone is not remembered either
        return numbers

    def _chain(self, numbers: range) -> list[Entry]:
        for n, content in self._fetch_all([n for n in numbers if n not in self._read]):
            self._read[n] = self._parse(n, content), _hash(content)
        for n in numbers[1:]:
            self._chain_to(n, self._read[n][0], self._read[n - 1][1])
        return [self._read[n][0] for n in numbers]

    def _chain_to(self, n: int, entry: Entry, before: str) -> None:
        if entry.previous_hash != before:
            raise RegistryError(f"{self.file(n - 1)} is not the entry that {n}.json was chained to.", hint=_RESTORE)

    def _fetch_all(self, numbers: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """The bytes of entries; of a bucket all are asked for at once, since each answer takes its time."""
        paths = {n: self.file(n).path for n in numbers}
        at_once = len(paths) > 1 and not is_local(self.root)
        fetched = self.root.fs.cat(list(paths.values()), on_error="return") if at_once else {}
        for n, path in paths.items():
            content = fetched.get(path)
            yield n, content if isinstance(content, bytes) else self._fetch(n)

    def _fetch(self, n: int) -> bytes:
        try:
            return self.file(n).read_bytes()
        except store_errors() as error:
            raise RegistryError(f"{self.file(n)} cannot be read: {error}.", hint=_RESTORE) from error

    def _parse(self, n: int, content: bytes) -> Entry:
        try:
            entry: Entry = self.entry_type.model_validate_json(content)  # type: ignore[assignment]
        except ValidationError as error:
            detail = error.errors()[0]
            where = ".".join(str(part) for part in detail["loc"])
            self._damaged(n, f"{where}: {detail['msg']}" if where else detail["msg"])
        if entry.n != n:
            self._damaged(n, f"it says that it is entry {entry.n}")
        if entry.trouble:
            self._damaged(n, entry.trouble)
        return entry

    def _missing(self, n: int) -> NoReturn:
        raise RegistryError(f"{self.file(n)} is missing, and later entries are there.", hint=_RESTORE)

    def _damaged(self, n: int, what: str) -> NoReturn:
        raise RegistryError(f"{self.file(n)} is damaged: {what}.", hint=_RESTORE)

    def _give_up(self, n: int) -> NoReturn:
        raise RegistryError(
            f"{self.file(n)} is taken, and yet it is not listed in {self.root}, after {_PATIENCE} attempts.",
            hint="Nothing was appended. Does the store list what was just written, and at the same address?",
        )


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
