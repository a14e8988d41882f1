"""The rows of a version: its run's snapshot, else the source once more as it was at the run's moment."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_mlkit.exceptions import DataError, RunDirectoryError
from airflow_mlkit.reproduction.difference import Difference
from airflow_mlkit.reproduction.interpreter import Interpreter, run_step
from airflow_mlkit.reproduction.origin import Origin
from airflow_mlkit.rundir import Outcome, Publication, RunDirectory

SNAPSHOT, RECORD = "snapshot.parquet", "snapshot.json"


@dataclass(frozen=True)
class BroughtSnapshot:
    """Where the rows came from, in words; what differs of them already."""

    source: str
    difference: Difference | None = None


def bring_snapshot(origin: Origin, run: RunDirectory, project: Path, here: Interpreter) -> BroughtSnapshot:
    """Publish the snapshot as the step extract of a scratch run.

    Args:
        origin: the version.
        run: the scratch run.
        project: the scratch project, whose source is the real one.
        here: what reads the source again: a source may need drivers and a network that the version's image has not.

    Raises:
        DataError: when the snapshot was removed and the source cannot be read.
    """
    for published in _extracts(origin.run):
        with suppress(RunDirectoryError, KeyError, ValueError):  # removed by mlkit clean, or spoilt: the next one
            if _record(published)["content_hash"] == origin.entry.data_hash:
                _take(published, run)
                return BroughtSnapshot("the snapshot of its run")
    return _extract_again(origin, run, project, here)


def _extracts(run: RunDirectory) -> Iterator[Publication]:
    step = run.step("extract")
    for generation in reversed(step.generations()):
        published = step.published(generation)
        if published:
            yield published


def _record(published: Publication) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(published.file(RECORD).read_bytes())
    return found


def _take(published: Publication, run: RunDirectory) -> None:
    files = [published.file(name) for name in (SNAPSHOT, RECORD)]
    attempt = run.step("extract").begin()
    for file in files:
        _link(file, attempt.folder / file.name)
    ended = attempt.record(outcome=Outcome.DONE, exit_code=0, files=attempt.seal(), summary=published.summary)
    attempt.end(ended)
    attempt.publish(ended)


def _link(file: Path, target: Path) -> None:
    try:
        os.link(file, target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(file, target)


def _extract_again(origin: Origin, run: RunDirectory, project: Path, here: Interpreter) -> BroughtSnapshot:
    ended = run_step(here, "extract", project, run)
    if ended.exit_code:
        raise DataError(
            f"The snapshot of {origin.entry.title} was removed, and its source cannot be read again: {ended.reason}",
            hint="mlkit clean removes snapshots after retention.snapshots; the run directory may lie in a backup.",
        )
    source = "its source, read again (the run's snapshot was removed)"
    found = ended.summary["content_hash"]
    if found == origin.entry.data_hash:
        return BroughtSnapshot(source)
    then = _rows_of(origin)
    return BroughtSnapshot(
        source,
        Difference(
            cause="snapshot",
            what="the data",
            then=f"{then}{origin.entry.data_hash[:12]}",
            now=f"{ended.summary['rows']:,} rows with the hash {found[:12]}",
            meaning="The snapshot was removed, and the source has other rows by now, or gives them in another order.",
        ),
    )


def _rows_of(origin: Origin) -> str:
    """How many rows the removed snapshot had, where its record is still there."""
    for published in _extracts(origin.run):
        with suppress(RunDirectoryError, KeyError, ValueError):
            record = _record(published)
            if record["content_hash"] == origin.entry.data_hash:
                return f"{record['rows']:,} rows with the hash "
    return "rows with the hash "
