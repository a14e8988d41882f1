"""What predict writes: rows with their scores, and an id for each prediction."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from airflow_mlkit.exceptions import DataError, UserError
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.rundir import canonical_json
from airflow_mlkit.workflows.manifest import ModelManifest

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://github.com/airflow-mlkit/airflow-mlkit#prediction")

MAX_EXAMPLES = 3


@dataclass
class ScoredRows:
    """Turns batches of rows and their scores into batches of the output.

    The columns: the key; `prediction_id`; `score`, or for multiclass a `score_<class>` for each class; `predicted`, the
    class; then `model_name`, `model_version`, `model_id` and `as_of`, the same in every row.

    Attributes:
        key: the columns that tell rows apart; without any, their position in the source does.
        threshold: from which score on a row of a binary problem is predicted to be positive.
        scored_for: the date of the scores; None where the data has none.
        as_of: the run's moment, in UTC.
        rows: how many rows there were so far.
    """

    champion: ChampionEntry
    manifest: ModelManifest
    key: tuple[str, ...]
    threshold: float
    scored_for: date | None
    as_of: datetime | None
    rows: int = 0

    def __post_init__(self) -> None:
        self._seen: set[bytes] = set()
        own = {"prediction_id", "predicted", "model_name", "model_version", "model_id", "as_of", *self.score_columns}
        if taken := sorted(own & set(self.key)):
            raise UserError(
                f"predict.output.key: a column {taken[0]!r} is written by predict itself.",
                hint="Rename the column in the source.",
            )

    @cached_property
    def score_columns(self) -> list[str]:
        """The names of the columns with scores."""
        if self.manifest.problem_kind != "multiclass":
            return ["score"]
        return [f"score_{value}" for value in self.manifest.classes]

    def add(self, batch: pa.RecordBatch, scores: np.ndarray) -> pa.RecordBatch:
        """The next rows of the output.

        Args:
            batch: has the key's columns.
            scores: as `Model.score` returns them, one for each row.

        Raises:
            DataError: when the key names a row twice.
        """
        columns: dict[str, pa.Array] = {name: batch.column(name) for name in self.key}
        columns["prediction_id"] = self._identify(batch)
        matrix = scores.reshape(len(batch), -1)
        columns |= {name: pa.array(matrix[:, position]) for position, name in enumerate(self.score_columns)}
        if self.manifest.classes:
            columns["predicted"] = pa.array(list(self.manifest.classes)).take(pa.array(self._decide(matrix)))
        self.rows += len(batch)
        return pa.RecordBatch.from_pydict(columns | self._same_in_every_row(len(batch)))

    def _decide(self, matrix: np.ndarray) -> np.ndarray:
        if self.manifest.problem_kind == "multiclass":
            best: np.ndarray = matrix.argmax(axis=1)
            return best
        return np.where(matrix[:, 0] >= self.threshold, 1, 0)

    def _identify(self, batch: pa.RecordBatch) -> pa.Array:
        """The same id whenever the same version scores the same row for the same date: UUIDs of version 5."""
        scope = uuid.uuid5(_NAMESPACE, f"{self.champion.model_name}/{self.champion.model_version}/{self.scored_for}")
        names = self._names(batch)
        return pa.array([str(uuid.uuid5(scope, name)) for name in names], pa.string())

    def _names(self, batch: pa.RecordBatch) -> list[str]:
        if not self.key:
            return [str(number) for number in range(self.rows, self.rows + len(batch))]
        rows = list(zip(*(batch.column(name).to_pylist() for name in self.key), strict=True))
        names = [canonical_json([_plain(value) for value in row]).decode() for row in rows]
        self._refuse_duplicates(names)
        return names

    def _refuse_duplicates(self, names: Sequence[str]) -> None:
        twice = []
        for name in names:
            digest = uuid.uuid5(_NAMESPACE, name).bytes
            if digest in self._seen:
                twice.append(name)
            self._seen.add(digest)
        if twice:
            raise DataError(
                f"predict.output.key {', '.join(self.key)} does not tell rows apart: the source has "
                f"{', '.join(dict.fromkeys(twice[:MAX_EXAMPLES]))} more than once. The scores written before stay.",
                hint="Name the columns that do, take the duplicates out of the source, or leave the key out.",
            )

    def _same_in_every_row(self, rows: int) -> dict[str, pa.Array]:
        moment = pa.scalar(self.as_of, pa.timestamp("us", tz="UTC"))
        texts = {name: getattr(self.champion, name) for name in ("model_name", "model_version", "model_id")}
        same = {name: pa.repeat(pa.scalar(text, pa.string()), rows) for name, text in texts.items()}
        return same | {"as_of": pa.repeat(moment, rows)}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (str, int, bool)) else str(value)
