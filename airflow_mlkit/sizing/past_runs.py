"""The newest runs of a project, as far as its steps' memory goes. What is damaged is left out and counted."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError
from upath import UPath

from airflow_mlkit.cost.counted_try import Doubt, RunTries
from airflow_mlkit.cost.run_files import read_runs
from airflow_mlkit.data.moment import to_utc
from airflow_mlkit.exceptions import RunDirectoryError
from airflow_mlkit.rundir import RunRecord, is_local, open_place, store_errors

_AT_ONCE = 8
"""How many runs are read side by side: a bucket takes its time with each answer, and gives many at once."""

_WITHOUT_SIZES = "adopt"
"""A model is adopted by the process that was asked to, whatever size there is."""


@dataclass(frozen=True)
class PastRuns:
    """What was read of a project.

    Attributes:
        project: its name.
        runs: the newest ones.
        read: how many runs were read; `there` how many there are.
        damaged: what could not be read, a sentence each.
    """

    project: str
    runs: tuple[RunTries, ...]
    read: int
    there: int
    damaged: tuple[str, ...] = ()


def read_past_runs(runs: UPath | str, project: str, most: int) -> PastRuns:
    """Read the newest runs of a project.

    Args:
        runs: where its run directories lie.
        project: its name.
        most: how many runs are read.

    Raises:
        RunDirectoryError: when the place cannot be read.
    """
    root = open_place(runs)
    damaged: list[str] = []
    try:
        begun = sorted(_find_beginnings(root, damaged), reverse=True)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            read = list(pool.map(lambda each: list(_read(root, project, each[1], damaged)), begun[:most]))
    except store_errors() as error:
        raise RunDirectoryError(f"{root} cannot be read: {error}.", hint="Is it there, and may you read it?") from error
    found = [run for each in read for run in each if run.dag != _WITHOUT_SIZES]
    torn = [f"{run.folder}/{one.place}: damaged" for run in found for one in run.tries if one.doubt is Doubt.DAMAGED]
    return PastRuns(project, tuple(found), len(begun[:most]), len(begun), (*damaged, *torn))


def find_projects(runs: UPath | str) -> list[str]:
    """The projects with runs below a place, by their folders' names."""
    root = open_place(runs)
    try:
        return sorted(path.name for path in root.iterdir() if path.is_dir())
    except FileNotFoundError:
        return []
    except store_errors() as error:
        raise RunDirectoryError(f"{root} cannot be read: {error}.", hint="Is it there, and may you read it?") from error


def _read(root: UPath, project: str, folder: str, damaged: list[str]) -> Iterator[RunTries]:
    return read_runs(root, project, folder, with_pods=True, say=damaged.append)


def _find_beginnings(root: UPath, damaged: list[str]) -> Iterator[tuple[datetime, str]]:
    """When each run began, and the name of its folder."""
    try:
        folders = [path.rstrip("/") for path in root.fs.ls(root.path, detail=False)]
    except (FileNotFoundError, NotADirectoryError):
        return
    for folder, content in _read_records(root, folders):
        try:
            yield to_utc(RunRecord.model_validate_json(content).started), folder
        except ValidationError:
            damaged.append(f"{folder}: the run.json is damaged")


def _read_records(root: UPath, folders: list[str]) -> Iterator[tuple[str, bytes]]:
    if is_local(root):
        for path in (UPath(folder) for folder in folders):
            if (path / "run.json").is_file() and not path.is_symlink():
                yield path.name, (path / "run.json").read_bytes()
        return
    fetched = root.fs.cat([f"{folder}/run.json" for folder in folders], on_error="return") if folders else {}
    for path, content in fetched.items():
        if isinstance(content, bytes):
            yield path.split("/")[-2], content
