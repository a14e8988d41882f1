"""From a model version back to its source, snapshot, commit and run, and forward to the scores that it wrote."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import pairwise

from upath import UPath

from airflow_mlkit.exceptions import MLKitError
from airflow_mlkit.registry.lineage import ModelNode
from airflow_mlkit.rundir import RunDirectory, open_place
from airflow_mlkit.rundir.records import Record

_TOGETHER = 16


class SnapshotNode(Record):
    """The rows that a version learned from. What is None is not known once its run directory was cleaned away."""

    content_hash: str
    rows: int | None = None
    as_of: datetime | None = None
    file: str | None = None
    is_there: bool = False


class ScoreFile(Record):
    """A file of scores that a version wrote. `replaced_by` is the version that wrote it anew later."""

    path: str
    rows: int
    date: str | None
    written: datetime
    model_version: str
    run_dir: str
    replaced_by: str | None = None
    is_there: bool = True


class ModelTrace(Record):
    """Everything that a version comes from and has led to.

    Attributes:
        run_is_there: whether its run directory still is; None where it could not be looked up.
        scores: what its runs of predict wrote, oldest first, as far as their run directories are still there.
        trouble: what could not be looked up.
    """

    model: ModelNode
    snapshot: SnapshotNode
    run_is_there: bool | None = None
    scores: tuple[ScoreFile, ...] = ()
    trouble: tuple[str, ...] = ()


def trace_model(model: ModelNode) -> ModelTrace:
    """Follow a version through its run directory, and through the runs of predict beside it. Nothing is raised."""
    snapshot = SnapshotNode(content_hash=model.facts.data_hash or "", as_of=model.facts.as_of)
    if not model.run_dir:
        return ModelTrace(model=model, snapshot=snapshot, trouble=("it says of no run directory",))
    try:
        run = RunDirectory(model.run_dir)
        is_there = run.exists
        snapshot = _find_snapshot(run, snapshot) if is_there else snapshot
        written = find_scores(run.root.parent, model.model_name)
    except MLKitError as error:
        return ModelTrace(model=model, snapshot=snapshot, trouble=(error.message,))
    own = tuple(file for file in written if file.model_version == model.model_version)
    return ModelTrace(model=model, snapshot=snapshot, run_is_there=is_there, scores=own)


def find_scores(runs: UPath, model_name: str) -> list[ScoreFile]:
    """What every run of predict in a folder of runs wrote with a model, oldest first."""
    folders = list(runs.iterdir()) if runs.exists() else []
    with ThreadPoolExecutor(_TOGETHER) as pool:
        found = [file for file in pool.map(_read_scores, folders) if file and file[0] == model_name]
    return _mark_replaced(sorted((file for _, file in found), key=lambda file: file.written))


def _find_snapshot(run: RunDirectory, known: SnapshotNode) -> SnapshotNode:
    extract = run.step("extract").published()
    if extract is None or extract.summary.get("content_hash") != known.content_hash:
        return known  # another one was extracted since, or none
    place = extract.uri("snapshot.parquet")
    there = {"rows": extract.summary.get("rows"), "file": str(place), "is_there": place.exists()}
    return known.model_copy(update=there)


def _read_scores(folder: UPath) -> tuple[str, ScoreFile] | None:
    """What one run wrote, with the name of the model; None for a run that wrote no scores."""
    predict = RunDirectory(folder).step("predict").published()
    if predict is None or not predict.summary.get("path"):
        return None
    told, record = predict.summary, predict.record
    path = open_place(told["path"])
    return str(told["model_name"]), ScoreFile(
        path=str(path),
        rows=told["rows"],
        date=told["date"],
        written=record.ended,
        model_version=str(told["model_version"]),
        run_dir=str(folder),
        is_there=path.exists(),
    )


def _mark_replaced(files: Sequence[ScoreFile]) -> list[ScoreFile]:
    by_path: dict[str, list[ScoreFile]] = {}
    for file in files:
        by_path.setdefault(file.path, []).append(file)
    marked = [each for same in by_path.values() for each in _mark_one(same)]
    return sorted(marked, key=lambda file: file.written)


def _mark_one(same: Sequence[ScoreFile]) -> Iterable[ScoreFile]:
    for file, later in pairwise(same):
        yield file.model_copy(update={"replaced_by": later.model_version})
    yield same[-1]
