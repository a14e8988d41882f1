"""Retention: which run directories and snapshots are old enough to go, and which never go."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from upath import UPath

from airflow_mlkit.exceptions import RunDirectoryError
from airflow_mlkit.local.run_lock import is_held
from airflow_mlkit.project import Project
from airflow_mlkit.registry.champion_log import ChampionLog
from airflow_mlkit.registry.spending import keep_cost
from airflow_mlkit.rundir import RunDirectory, open_place
from airflow_mlkit.rundir.run_directory import is_local
from airflow_mlkit.rundir.tries import LOG_FILE

log = logging.getLogger("airflow_mlkit.retention")

SNAPSHOT_FILES = frozenset(
    {"snapshot.parquet", "training.arrow", "validation.arrow", "holdout.arrow", "holdout_raw.parquet"}
)
"""The files of extract and split that hold rows. What was counted and hashed stays."""

_STILL_AT_WORK = timedelta(days=1)
"""A try without an outcome whose log was touched later than this ago may be running: elsewhere nobody can ask it."""


@dataclass(frozen=True)
class Removal:
    """What goes: a whole run directory, or the files of one that hold rows."""

    kind: Literal["run", "snapshot"]
    run: UPath
    files: tuple[UPath, ...]
    size: int

    def carry_out(self, project: Project) -> None:
        """Remove it. One that was broken off is found and finished by the next cleaning: run.json goes last.

        What a run has cost is written down first, so that it is not lost with the run.

        Raises:
            RunDirectoryError: when that cannot be written. Nothing is removed then.
        """
        if self.kind == "snapshot":
            for file in self.files:
                file.unlink(missing_ok=True)
            return
        keep_cost(project, RunDirectory(self.run))
        steps = self.run / "steps"
        if steps.exists():
            steps.fs.rm(steps.path, recursive=True)
        self.run.fs.rm(self.run.path, recursive=True)


def find_removals(project: Project, now: datetime) -> list[Removal]:
    """What the project's `retention` lets go, oldest run first.

    Never the run of the champion, of its anchor or of the champion before it, never one that is in progress, and
    nothing outside of the project's own runs.

    Args:
        project: whose runs are looked at.
        now: has a zone; ages are counted from it.

    Raises:
        RegistryError: when the champion log is damaged: then nobody knows which run has to stay.
    """
    needed = _needed_runs(ChampionLog(project.champions))
    found = []
    for run in sorted(_runs(project), key=lambda run: run.record.started):
        if not _must_stay(run, needed, now):
            found += _find_removal(project, run, now - run.record.started)
    return found


def _runs(project: Project) -> Iterator[RunDirectory]:
    root = open_place(project.runs)
    for path in sorted(root.iterdir(), key=str) if root.exists() else []:
        if is_local(path) and Path(path.path).is_symlink():
            continue
        run = RunDirectory(path)
        try:
            if run.exists and run.record.name == project.spec.name:
                yield run
        except RunDirectoryError as error:
            log.warning("left alone: %s", error.message)


def _needed_runs(champions: ChampionLog) -> set[str]:
    """The ids of the runs that promotion and rollback still ask for rows.

    The gate scores champion and anchor, and a rollback lets the champion before answer on rows of its own holdout.
    """
    head, before = champions.head(), champions.predecessor()
    needed = (head, before, champions.anchor_of(head) if head else None)
    return {entry.run_id for entry in needed if entry}


def _must_stay(run: RunDirectory, needed: set[str], now: datetime) -> bool:
    if run.record.run_id in needed:
        return True
    if is_local(run.root) and is_held(Path(run.root.path)):
        return True
    return any(now - sign < _STILL_AT_WORK for sign in _unfinished_tries(run))


def _unfinished_tries(run: RunDirectory) -> Iterator[datetime]:
    """The last sign of life of each."""
    for path in run.root.glob("steps/*/*/tries/*/started.json"):
        if not (path.parent / "outcome.json").exists():
            signs = [path.parent / LOG_FILE, path]
            yield max(datetime.fromtimestamp(sign.stat().st_mtime).astimezone() for sign in signs if sign.exists())


def _find_removal(project: Project, run: RunDirectory, age: timedelta) -> list[Removal]:
    retention = project.spec.retention
    files = [path for path in run.root.rglob("*") if path.is_file()]
    if retention.runs is not None and age > retention.runs:
        return [_removal("run", run, files)]
    if retention.snapshots is not None and age > retention.snapshots:
        rows = [path for path in files if path.name in SNAPSHOT_FILES]
        return [_removal("snapshot", run, rows)] if rows else []
    return []


def _removal(kind: Literal["run", "snapshot"], run: RunDirectory, files: list[UPath]) -> Removal:
    return Removal(kind, run.root, tuple(files), sum(path.stat().st_size for path in files))
