"""From the files of run directories to counted tries. What is damaged is counted as far as it can be, and said."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from upath import UPath

from airflow_mlkit.cost.counted_try import CountedPod, CountedTry, Doubt, RunTries, time_tries
from airflow_mlkit.data.moment import to_utc
from airflow_mlkit.exceptions import RunDirectoryError
from airflow_mlkit.rundir import PodRecord, RunRecord, SizeRecord, TryStart, is_local, open_place
from airflow_mlkit.rundir.records import Record

log = logging.getLogger("airflow_mlkit.cost")

_IN_A_TRY = re.compile(r"(?P<run>[^/]+)/steps/(?P<step>[^/]+)/(?P<generation>\d+)/tries/(?P<number>\d+)/(?P<name>.+)")
_OF_A_POD = re.compile(r"(?P<run>[^/]+)/steps/[^/]+/[^/]+/pods/\d+\.json")
_STARTED, _OUTCOME = "started.json", "outcome.json"


Content = TypeVar("Content", bound=Record)


class _Ended(Record):
    """What is counted of an `outcome.json`."""

    started: datetime
    ended: datetime
    size: SizeRecord | None = None
    peak_memory_mib: float | None = None
    lacked_memory: bool = False
    pod: str | None = None


Say = Callable[[str], None]

_PodPlace = tuple[str, str]
"""The step and the generation of a pod, as their folders are called."""


@dataclass(frozen=True)
class _RunFiles:
    """The files of a run; those of its pods are read when they are asked for."""

    record: bytes | None
    tries: list[_TryFiles]
    pods: Callable[[], list[tuple[_PodPlace, bytes | None]]]


@dataclass(frozen=True)
class _TryFiles:
    """The files of one try; `alive` is for how long they were written to, in seconds."""

    step: str
    generation: int
    number: int
    outcome: bytes | None
    started: Callable[[], bytes | None]
    alive: Callable[[], float]


def read_runs(
    runs: UPath | str, project: str, folder: str | None = None, *, with_pods: bool = False, say: Say = log.warning
) -> Iterator[RunTries]:
    """What is counted of a project's runs below a folder or a prefix, in no particular order.

    Args:
        runs: where run directories lie, as `Project.runs` has it.
        project: whose.
        folder: only this run's; all of them when not given.
        with_pods: what became of the pods is read too.
        say: is told of what is damaged and not counted.

    Raises:
        RunDirectoryError: when the place cannot be read.
    """
    root = open_place(runs)
    try:
        found = _read_local(Path(root.path), folder) if is_local(root) else _read_bucket(root, folder)
        for name, files in found.items():
            record = _read_run(name, files.record, say)
            if record and record.name == project:
                counted = [one for each in files.tries if (one := _count(name, each, say))]
                pods = _count_pods(name, files.pods(), say) if with_pods else ()
                yield RunTries(
                    folder=name,
                    run_id=record.run_id,
                    project=record.name,
                    dag=record.dag,
                    tries=time_tries(counted),
                    pods=tuple(pods),
                )
    except OSError as error:
        raise RunDirectoryError(f"{root} cannot be read: {error}.", hint="Is it there, and may you read it?") from error


_Found = dict[str, _RunFiles]


def _read_local(root: Path, folder: str | None) -> _Found:
    found: _Found = {}
    for record in [root / folder / "run.json"] if folder else sorted(root.glob("*/run.json")):
        if not record.parent.is_symlink():
            tries = [_local_try(folder) for folder in record.parent.glob("steps/*/*/tries/*") if folder.name.isdigit()]
            pods = partial(_read_local_pods, record.parent)
            found[record.parent.name] = _RunFiles(_read_file(record), tries, pods)
    return found


def _read_local_pods(run: Path) -> list[tuple[_PodPlace, bytes | None]]:
    files = sorted(run.glob("steps/*/*/pods/*.json"))
    return [((path.parts[-4], path.parts[-3]), _read_file(path)) for path in files]


def _local_try(folder: Path) -> _TryFiles:
    def alive() -> float:
        # by one clock, the file system's: started.json was the first file
        begun = folder / _STARTED
        moments = [path.stat().st_mtime for path in folder.rglob("*") if path.is_file()]
        return max(0.0, max(moments) - begun.stat().st_mtime) if begun.exists() else 0.0

    generation = folder.parent.parent
    return _TryFiles(
        step=generation.parent.name,
        generation=int(generation.name) if generation.name.isdigit() else 0,
        number=int(folder.name),
        outcome=_read_file(folder / _OUTCOME),
        started=lambda: _read_file(folder / _STARTED),
        alive=alive,
    )


def _read_file(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _read_bucket(root: UPath, folder: str | None) -> _Found:
    """All is listed at once, and read at once: each answer of a bucket takes its time."""
    prefix = f"{root.path.rstrip('/')}/"
    listed: dict[str, Any] = root.fs.find((root / folder if folder else root).path, detail=True)
    names = {path.removeprefix(prefix): info for path, info in listed.items()}
    tries: dict[tuple[str, ...], dict[str, Any]] = defaultdict(dict)
    pods: dict[str, list[str]] = defaultdict(list)
    for name, info in names.items():
        if match := _OF_A_POD.fullmatch(name):
            pods[match["run"]].append(name)
        elif match := _IN_A_TRY.fullmatch(name):
            tries[match["run"], match["step"], match["generation"], match["number"]][match["name"]] = info
    wanted = [name for name in names if name.endswith("/run.json") and name.count("/") == 1]
    wanted += [f"{_folder_of(key)}/{_OUTCOME if _OUTCOME in files else _STARTED}" for key, files in tries.items()]
    contents = _fetch(root, prefix, wanted)
    found: _Found = {}
    for name in (name for name in wanted if name.count("/") == 1):
        run = name.partition("/")[0]
        found[run] = _RunFiles(contents.get(name), [], partial(_read_bucket_pods, root, prefix, pods[run]))
    for key, files in tries.items():
        if key[0] in found:
            found[key[0]].tries.append(_bucket_try(root, key, files, contents))
    return found


def _read_bucket_pods(root: UPath, prefix: str, names: list[str]) -> list[tuple[_PodPlace, bytes | None]]:
    contents = _fetch(root, prefix, names)
    return [((name.split("/")[2], name.split("/")[3]), contents.get(name)) for name in names]


def _folder_of(key: tuple[str, ...]) -> str:
    run, step, generation, number = key
    return f"{run}/steps/{step}/{generation}/tries/{number}"


def _fetch(root: UPath, prefix: str, names: list[str]) -> dict[str, bytes]:
    fetched = root.fs.cat([f"{prefix}{name}" for name in names], on_error="return") if names else {}
    return {path.removeprefix(prefix): content for path, content in fetched.items() if isinstance(content, bytes)}


def _bucket_try(root: UPath, key: tuple[str, ...], files: dict[str, Any], contents: dict[str, bytes]) -> _TryFiles:
    _, step, generation, number = key
    begun = f"{_folder_of(key)}/{_STARTED}"

    def alive() -> float:
        moments = {name: _modified(info) for name, info in files.items()}
        known = [moment for moment in moments.values() if moment]
        first = moments.get(_STARTED)
        return max(0.0, (max(known) - first).total_seconds()) if first else 0.0

    return _TryFiles(
        step=step,
        generation=int(generation),
        number=int(number),
        outcome=contents.get(f"{_folder_of(key)}/{_OUTCOME}"),
        started=lambda: contents.get(begun) or (_STARTED in files and (root / begun).read_bytes()) or None,
        alive=alive,
    )


def _modified(info: dict[str, Any]) -> datetime | None:
    """When an object was written: s3fs says `LastModified`, gcsfs `mtime`."""
    found = info.get("LastModified") or info.get("mtime")
    return found if isinstance(found, datetime) else None


def _read_run(folder: str, content: bytes | None, say: Say) -> RunRecord | None:
    try:
        return RunRecord.model_validate_json(content or b"")
    except ValidationError as error:
        say(f"not counted: the run.json of {folder} is damaged: {error.errors()[0]['msg']}")
        return None


def _count_pods(run: str, files: list[tuple[_PodPlace, bytes | None]], say: Say) -> Iterator[CountedPod]:
    for (step, generation), content in files:
        record = _parse(PodRecord, content)
        if record is None or not generation.isdigit():
            say(f"not counted: the record of a pod of {run}/{step}/{generation} is damaged")
        else:
            told = record.model_dump(include={"pod", "size", "cause"})
            yield CountedPod(step=step, generation=int(generation), **told)


def _count(run: str, files: _TryFiles, say: Say) -> CountedTry | None:
    ended = _parse(_Ended, files.outcome)
    if ended is not None:
        seconds = (to_utc(ended.ended) - to_utc(ended.started)) / timedelta(seconds=1)
        return _counted(files, ended, max(0.0, seconds), Doubt.CLOCK if seconds < 0 else None)
    begun = _parse(TryStart, files.started())
    if begun is None:
        place = f"{run}/{files.step}/{files.generation}/{files.number}"
        say(f"not counted: {place} does not say when it began")
        return None
    return _counted(files, begun, files.alive(), Doubt.NO_OUTCOME if files.outcome is None else Doubt.DAMAGED)


def _parse(kind: type[Content], content: bytes | None) -> Content | None:
    try:
        return kind.model_validate_json(content) if content is not None else None
    except ValidationError:
        return None


def _counted(files: _TryFiles, said: _Ended | TryStart, seconds: float, doubt: Doubt | None) -> CountedTry:
    measured = said.model_dump(include={"peak_memory_mib", "lacked_memory", "pod"})
    return CountedTry(
        step=files.step,
        generation=files.generation,
        number=files.number,
        started=to_utc(said.started),
        seconds=seconds,
        size=said.size,
        doubt=doubt,
        **measured,
    )
