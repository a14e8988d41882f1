"""What runs have cost that were cleaned away: a small record for each, `<champions>/<model>/costs/<run>.json`.

It lies in the champion log's folder because that one is never cleaned.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from pydantic import ValidationError
from upath import UPath

from airflow_mlkit.cost.counted_try import CountedTry, RunTries, time_tries
from airflow_mlkit.rundir import create_only, is_local, open_place

log = logging.getLogger("airflow_mlkit.cost")


class RemovedRuns:
    """The records of the removed runs of one model.

    Args:
        champions: the folder of the model's champion log.
    """

    def __init__(self, champions: UPath | str) -> None:
        self.root = open_place(champions) / "costs"

    def keep(self, run: RunTries) -> None:
        """Keep what a run has cost, before it is removed. One that was kept before stays as it is.

        Raises:
            RunDirectoryError: when it cannot be written; then the run must not be removed.
        """
        create_only(self.root / f"{run.folder}.json", run.to_bytes())

    def read(self) -> list[RunTries]:
        """Every record; one that is damaged is said and left out."""
        return [run for name, content in self._read_files() if (run := _parse(name, content))]

    def _read_files(self) -> list[tuple[str, bytes]]:
        try:
            names = sorted(str(name) for name in self.root.fs.ls(self.root.path, detail=False))
        except FileNotFoundError:
            return []
        names = [name for name in names if name.endswith(".json")]
        if is_local(self.root):
            return [(name, UPath(name).read_bytes()) for name in names]
        fetched = self.root.fs.cat(names, on_error="return") if names else {}
        return [(name, content) for name, content in fetched.items() if isinstance(content, bytes)]


def merge(living: Iterable[RunTries], removed: Iterable[RunTries]) -> list[RunTries]:
    """Each run once. Of one that was removed by halves, or has gone on since, the tries of both are counted."""
    merged = {run.folder: run for run in removed}
    for run in living:
        kept = merged.get(run.folder)
        merged[run.folder] = run if kept is None else _join(kept, run)
    return list(merged.values())


def _join(kept: RunTries, run: RunTries) -> RunTries:
    tries: dict[str, CountedTry] = {one.place: one for one in (*kept.tries, *run.tries)}
    return run.model_copy(update={"tries": time_tries(list(tries.values()))})


def _parse(name: str, content: bytes) -> RunTries | None:
    try:
        return RunTries.model_validate_json(content)
    except ValidationError as error:
        log.warning("not counted: %s is damaged: %s", name, error.errors()[0]["msg"])
        return None
