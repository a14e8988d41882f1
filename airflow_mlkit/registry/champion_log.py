"""The champion log: the append-only truth about which version is the champion.

    <champions>/<model>/1.json, 2.json, ...

Each entry is created only if it is absent, so that of two writers who have read the same head one loses, and compares
again with the new head. No lock and no server. It is the audit trail as well: each entry carries the hash of the one
before it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError
from upath import UPath

from airflow_mlkit.exceptions import RegistryError
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.rundir import create_only, open_place

_RESTORE = "Bring the file back from a backup. Nothing is promoted and nothing is scored until the log is whole."


class ChampionLog:
    """The champions of one model, oldest first.

    Args:
        uri: the log's folder, local, `gs://` or `s3://`; `Project.champions` names it.
    """

    def __init__(self, uri: UPath | Path | str) -> None:
        self.root = open_place(uri)

    @property
    def uri(self) -> str:
        """Where the log lies."""
        return str(self.root)

    def head(self) -> ChampionEntry | None:
        """The champion as it is now; None before the first one.

        Raises:
            RegistryError: when an entry is missing, damaged, or not the one that its successor was chained to.
        """
        count = self._count()
        return self._chain(range(max(1, count - 1), count + 1))[-1] if count else None

    def entries(self) -> list[ChampionEntry]:
        """Every champion there was, oldest first, the whole chain checked.

        Raises:
            RegistryError: when an entry is missing, damaged, or not the one that its successor was chained to.
        """
        return self._chain(range(1, self._count() + 1))

    def anchor(self) -> ChampionEntry | None:
        """The entry against which the slow decline of the champion is measured; None before the first champion.

        Raises:
            RegistryError: when an entry from the anchor on is missing, damaged, or not the one that its successor was
                chained to.
        """
        head = self.head()
        return self.anchor_of(head) if head else None

    def anchor_of(self, entry: ChampionEntry) -> ChampionEntry:
        """The anchor that stands with an entry of this log.

        Raises:
            RegistryError: as `anchor`.
        """
        return self._chain(range(entry.anchor_number, entry.n + 1))[0]

    def append(self, entry: ChampionEntry) -> bool:
        """Create the entry at its number, unless another writer was first. Returns whether this one did.

        Args:
            entry: its `previous` and `previous_hash` are filled in here, from the entry that lies before its number.

        Raises:
            RegistryError: when the entry before it is not there.
        """
        chained = {"previous": entry.n - 1 or None, "previous_hash": self._hash(entry.n - 1) if entry.n > 1 else None}
        return create_only(self._file(entry.n), entry.model_copy(update=chained).to_bytes())

    def _file(self, n: int) -> UPath:
        return self.root / f"{n}.json"

    def _count(self) -> int:
        numbers = self._numbers()
        expected = list(range(1, len(numbers) + 1))
        if numbers != expected:
            missing = min(set(expected) - set(numbers))
            raise RegistryError(f"{self._file(missing)} is missing, and later entries are there.", hint=_RESTORE)
        return len(numbers)

    def _numbers(self) -> list[int]:
        try:
            names = [UPath(name).name for name in self.root.fs.ls(self.root.path, detail=False)]
        except FileNotFoundError:
            return []
        return sorted(
            int(stem)
            for stem, dot, suffix in (name.partition(".") for name in names)
            if suffix == "json" and stem.isdigit()
        )

    def _chain(self, numbers: range) -> list[ChampionEntry]:
        found: list[ChampionEntry] = []
        hashes: dict[int, str] = {}
        for n in numbers:
            content = self._read(n)
            entry = self._parse(n, content)
            if hashes and entry.previous_hash != hashes[n - 1]:
                raise RegistryError(
                    f"{self._file(n - 1)} is not the entry that {n}.json was chained to.", hint=_RESTORE
                )
            found.append(entry)
            hashes[n] = hashlib.sha256(content).hexdigest()
        return found

    def _hash(self, n: int) -> str:
        return hashlib.sha256(self._read(n)).hexdigest()

    def _read(self, n: int) -> bytes:
        try:
            return self._file(n).read_bytes()
        except OSError as error:
            raise RegistryError(f"{self._file(n)} cannot be read: {error}.", hint=_RESTORE) from error

    def _parse(self, n: int, content: bytes) -> ChampionEntry:
        try:
            entry = ChampionEntry.model_validate_json(content)
        except ValidationError as error:
            detail = error.errors()[0]
            where = ".".join(str(part) for part in detail["loc"])
            self._damaged(n, f"{where}: {detail['msg']}" if where else detail["msg"])
        if entry.n != n:
            self._damaged(n, f"it says that it is entry {entry.n}")
        if entry.anchor_number > n:
            self._damaged(n, f"its anchor is the later entry {entry.anchor}")
        return entry

    def _damaged(self, n: int, what: str) -> NoReturn:
        raise RegistryError(f"{self._file(n)} is damaged: {what}.", hint=_RESTORE)
