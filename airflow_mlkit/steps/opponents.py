"""The models that a challenger meets: the champion and the anchor, scored on the run's holdout."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq
from numpy.typing import NDArray

from airflow_mlkit.data.split_record import SplitRecord
from airflow_mlkit.exceptions import StepTerminated
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.steps.context import StepContext
from airflow_mlkit.steps.holdout_rows import read_holdout_rows
from airflow_mlkit.workflows.manifest import ModelManifest

log = logging.getLogger("airflow_mlkit.gate")


@dataclass(frozen=True)
class Opponent:
    """A model of the champion log: its name for people, and its scores or the reason why there are none.

    `manifest` is None where the model was not loaded.
    """

    title: str
    scores: NDArray[Any] | None
    trouble: str = ""
    manifest: ModelManifest | None = None

    def find_luck(self, challenger: ModelManifest) -> tuple[str, ...]:
        """That a challenger was made of nothing else than this model, so that chance alone makes it look better.

        Fresh rows are worth a promotion among equals; another seed is a coin that is tossed until it falls right.
        """
        mine = self.manifest
        if mine is None or mine.trained_rows is None or _made_of(mine) != _made_of(challenger):
            return ()
        differing = [name for name in ("seed", "threads", "device") if getattr(mine, name) != getattr(challenger, name)]
        but = f" but with another {' and '.join(differing)}" if differing else ""
        what = f"made of the same rows, columns, code, params and libraries as {self.title}{but}"
        return (f"{what}: what is better is luck",)


def _made_of(manifest: ModelManifest) -> tuple[Any, ...]:
    rows, columns = manifest.trained_rows, (manifest.inputs, manifest.features)
    return rows and rows.seen, columns, manifest.workflow, manifest.code_hash, manifest.params, manifest.libraries


def score_opponent(context: StepContext, role: str, entry: ChampionEntry, record: SplitRecord) -> Opponent:
    """Score the holdout with a model of the champion log. Whatever is wrong with it is told and raises nothing.

    Args:
        context: of a step that comes after split.
        role: what the model is, such as `champion`.
        entry: the model's.
        record: of the run's split.
    """
    title = f"the {role} (version {entry.model_version})"
    try:
        return _score(context, title, entry, record)
    except (StepTerminated, MemoryError):
        raise
    except Exception as error:  # an old model's own files and code: whatever they do, it is told and not raised
        log.warning("%s could not be scored", title, exc_info=True)
        first_line = next(iter(str(error).splitlines()), "").rstrip(".")
        return Opponent(title, None, f"it could not be scored ({type(error).__name__}: {first_line})")


def _score(context: StepContext, title: str, entry: ChampionEntry, record: SplitRecord) -> Opponent:
    # the registry brings mlflow; a first champion is judged without it
    from airflow_mlkit.registry.load import load_champion

    model = load_champion(context.project, entry)
    holdout = context.input("split").file("holdout_raw.parquet")
    if trouble := find_difference(model.manifest, record, pq.read_schema(holdout).names):
        return Opponent(title, None, trouble)
    scores = model.score_raw(_read_columns(context, model.manifest.inputs))
    if len(scores) != record.rows.holdout:
        return Opponent(title, None, f"it gave {len(scores)} scores for {record.rows.holdout} rows")
    return Opponent(title, scores, manifest=model.manifest)


def _read_columns(context: StepContext, columns: tuple[str, ...]) -> Any:
    from airflow_mlkit.data.frame import to_frame

    return to_frame(read_holdout_rows(context, columns))


def find_difference(manifest: ModelManifest, record: SplitRecord, available: list[str]) -> str | None:
    """Why a model cannot be compared with a run's challenger: another question, or rows that it has seen; else None.

    Args:
        manifest: the model's.
        record: of the run's split.
        available: the raw columns of the holdout.
    """
    if manifest.problem_kind != record.kind:
        return f"it is a {manifest.problem_kind} model, and this problem is {record.kind}"
    if manifest.label != record.label:
        return f"it predicts {manifest.label!r}, and the label is now {record.label!r}"
    if manifest.classes != record.classes:
        return f"its classes are {_list(manifest.classes)}, and they are now {_list(record.classes)}"
    if missing := [name for name in manifest.inputs if name not in available]:
        return f"it needs columns that are no longer there: {_list(missing)}"
    if manifest.trained_rows is None:
        return "its model.json does not say which rows it learned from, so that holdout rows may be among them"
    return manifest.trained_rows.why_not_unseen(record)


def _list(values: Any, most: int = 8) -> str:
    texts = [str(value) for value in values]
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")
