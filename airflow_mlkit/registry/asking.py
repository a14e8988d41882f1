"""Asking a version before it becomes the champion again: does it load, and does it still answer as it did?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from airflow_mlkit.exceptions import MLKitError, RegistryError, RunDirectoryError
from airflow_mlkit.project import Project
from airflow_mlkit.registry.address import resolved
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.load import load_champion
from airflow_mlkit.rundir import RunDirectory

if TYPE_CHECKING:
    import pandas as pd

    from airflow_mlkit.workflows.model import Model

ROWS = 100
_RELATIVE, _ABSOLUTE = 1e-4, 1e-6
"""How far a score may lie from what it was: another processor adds up in another order."""


@dataclass(frozen=True)
class Answer:
    """What a version was asked: how many rows it scored, and a sentence for people."""

    rows: int
    sentence: str


@dataclass(frozen=True)
class _Question:
    """Raw rows of the holdout that a version was evaluated on, and its scores of then."""

    rows: pd.DataFrame
    scores: np.ndarray


def ask(project: Project, entry: ChampionEntry) -> Answer:
    """Load a version as predict does, and let it score rows of its own holdout where they are still there.

    Args:
        project: whose version it is.
        entry: an entry that has been, or is about to be, in the project's champion log.

    Raises:
        RegistryError: when it cannot be loaded, cannot score, or gives other scores than when it was evaluated.
    """
    model = load_champion(project, entry)
    try:
        question = _find_question(project, entry, model.manifest.inputs)
    except RunDirectoryError as error:
        return Answer(0, f"It loads, and its files are those of its id. It has scored nothing: {error.message}")
    scores = _score(model, question, entry)
    if scores.shape != question.scores.shape:
        raise RegistryError(
            f"{entry.title} gives scores of the shape {scores.shape}, and gave {question.scores.shape} once."
        )
    if not np.allclose(scores, question.scores, rtol=_RELATIVE, atol=_ABSOLUTE):
        raise RegistryError(
            f"{entry.title} gives other scores than when it was evaluated: {_first_difference(scores, question)}.",
            hint=f"It was saved with {_list(model.manifest.libraries)}. Are others installed here?",
        )
    return Answer(len(scores), f"It loads, and scores {len(scores)} rows of its holdout as it did when it was made.")


def _score(model: Model, question: _Question, entry: ChampionEntry) -> np.ndarray:
    try:
        return model.score_raw(question.rows)
    except Exception as error:  # an old model's own code: whatever it raises, it must not become the champion
        said = error.message if isinstance(error, MLKitError) else f"{type(error).__name__}: {error}"
        raise RegistryError(
            f"{entry.title} loads and cannot score rows of its own holdout: {said}",
            hint=f"It was saved with {_list(model.manifest.libraries)}. Are others installed here?",
        ) from error


def _find_question(project: Project, entry: ChampionEntry, inputs: tuple[str, ...]) -> _Question:
    import pyarrow.parquet as pq

    from airflow_mlkit.data.frame import to_frame
    from airflow_mlkit.data.split_record import SplitRecord
    from airflow_mlkit.evaluation.scores import read_scores
    from airflow_mlkit.workflows.manifest import load_manifest

    run = RunDirectory(resolved(entry.run_dir, project.champions))
    if not run.exists:
        raise RunDirectoryError(f"its run {run.root} is no longer there.")
    split, train = run.published("split"), run.published("train")
    record = SplitRecord.load(split.file("split.json"))
    trained = load_manifest(train.file("model/model.json").parent).model_id
    if (record.content_hashes["holdout"], trained) != (entry.holdout_hash, entry.model_id):
        raise RunDirectoryError(f"its run {run.root} has split or trained again since.")
    columns = list(inputs)
    batches = pq.ParquetFile(split.file("holdout_raw.parquet")).iter_batches(batch_size=ROWS, columns=columns)
    first = next(batches, None)
    if first is None:
        raise RunDirectoryError(f"the holdout of its run {run.root} is empty.")
    _, scores = read_scores(run.published("evaluate").file("scores.parquet"))
    return _Question(to_frame(first.select(columns)), scores[: len(first)])


def _first_difference(scores: np.ndarray, question: _Question) -> str:
    close = np.isclose(scores, question.scores, rtol=_RELATIVE, atol=_ABSOLUTE).reshape(len(scores), -1).all(axis=1)
    row = int(np.flatnonzero(~close)[0])
    now, then = np.atleast_1d(scores[row]), np.atleast_1d(question.scores[row])
    others = f"{int((~close).sum())} of {len(scores)} rows differ"
    return f"row {row} of its holdout has {_numbers(now)} and had {_numbers(then)}; {others}"


def _numbers(values: Any) -> str:
    return " ".join(f"{value:.6g}" for value in values)


def _list(libraries: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in libraries.items()) or "libraries that were not recorded"
