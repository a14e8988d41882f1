"""predict: scores a source with the champion as it is when the step starts, into parquet partitioned by date."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import closing
from datetime import date, datetime
from typing import TYPE_CHECKING

from upath import UPath

from airflow_mlkit.exceptions import SourceError, UserError
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.champion_log import ChampionLog
from airflow_mlkit.rundir import Outcome
from airflow_mlkit.rundir.records import Record
from airflow_mlkit.spec.pipeline import PredictSpec
from airflow_mlkit.steps.context import StepContext, StepResult

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from airflow_mlkit.workflows.model import Model

log = logging.getLogger("airflow_mlkit.predict")

PREDICTION_FILE = "prediction.json"
UNDATED = "undated"
"""The partition without a date. Hive's own name for it cannot be read by pandas where it is the only one."""


class PredictionRecord(Record):
    """`prediction.json`: which champion scored what, and where the scores lie.

    `date` is that of the run's as_of, else of the newest row; None where there are no dates. `path` is the file of this
    date; `output` the folder with all dates; `inputs` the columns of the source that the model looked at.
    """

    champion: ChampionEntry
    rows: int
    date: date | None
    as_of: datetime | None
    path: str
    output: str
    inputs: tuple[str, ...] = ()
    columns: tuple[str, ...]


def run(context: StepContext) -> StepResult:
    """Score the project's `predict.source` whole, or leave the scores that are there as they are.

    Every row of the source gets a score: `data.filters` choose what is learnt from, not what is scored.

    Raises:
        SourceError: when the source is not there, breaks off, or lacks a column.
        DataError: when rows cannot be scored, or the key does not tell them apart.
        RegistryError: when the champion log is damaged, or the champion cannot be loaded.
    """
    spec = context.spec.predict
    if spec is None:
        raise UserError("mlkit.yaml declares no predict.", hint="Write predict: with a source and an output path.")
    champion = ChampionLog(context.project.champions).head()
    if champion is None:
        return _skip(f"There is no champion of {context.spec.name} yet: nothing to score with.")
    record = _score(context, spec, champion)
    if record is None:
        return _skip("The source of predict has no rows: nothing was scored, and earlier scores stay as they are.")
    (context.folder / PREDICTION_FILE).write_bytes(record.to_bytes())
    log.info("%d rows scored with version %s into %s", record.rows, champion.model_version, record.path)
    return StepResult(_summarize(record))


def _skip(reason: str) -> StepResult:
    return StepResult({"rows": 0}, Outcome.HELD_BACK, reason)


def _summarize(record: PredictionRecord) -> dict[str, object]:
    return {
        "rows": record.rows,
        "model_name": record.champion.model_name,
        "model_version": record.champion.model_version,
        "model_id": record.champion.model_id,
        "date": record.date.isoformat() if record.date else None,
        "path": record.path,
    }


def _score(context: StepContext, spec: PredictSpec, champion: ChampionEntry) -> PredictionRecord | None:
    """Score every row and put the file into place; None where the source has no rows."""
    from airflow_mlkit.registry.load import load_champion
    from airflow_mlkit.steps.parquet_file import ParquetFile
    from airflow_mlkit.steps.scored_rows import ScoredRows

    model = load_champion(context.project, champion)
    as_of = _find_as_of(context, spec)
    key = spec.output.key_columns
    rows = ScoredRows(
        champion, model.manifest, key, context.spec.evaluate.threshold, as_of.date() if as_of else None, as_of
    )
    output = UPath(context.project.absolute(spec.output.path))
    place = output / f"date={rows.scored_for or UNDATED}" / "part-0.parquet"
    columns: list[str] = []
    with ParquetFile(place) as file, closing(_read(context, spec, (*model.manifest.inputs, *key), as_of)) as batches:
        for batch in batches:
            scored = rows.add(batch, _score_batch(model, batch))
            columns = scored.schema.names
            file.write(scored)
        if not rows.rows:
            return None
        file.put_into_place()
    return PredictionRecord(
        champion=champion,
        rows=rows.rows,
        date=rows.scored_for,
        as_of=as_of,
        path=str(place),
        output=str(output),
        inputs=model.manifest.inputs,
        columns=tuple(columns),
    )


def _score_batch(model: Model, batch: pa.RecordBatch) -> np.ndarray:
    from airflow_mlkit.data.frame import to_frame

    return model.score_raw(to_frame(batch))


def _read(
    context: StepContext, spec: PredictSpec, columns: tuple[str, ...], as_of: datetime | None
) -> Generator[pa.RecordBatch]:
    from airflow_mlkit.data.columns import column_types
    from airflow_mlkit.data.source import read_source

    wanted = list(dict.fromkeys(columns))
    with read_source(context.project, spec.source, wanted, column_types(context.spec), as_of=as_of) as reader:
        yield from reader


def _find_as_of(context: StepContext, spec: PredictSpec) -> datetime | None:
    """The run's moment, else the newest date of the rows to score, else None: never the clock."""
    from airflow_mlkit.data.moment import to_utc

    column = context.spec.data.date_column
    found = context.run.record.as_of or (_newest_date(context, spec, column) if column else None)
    return to_utc(found) if found else None


def _newest_date(context: StepContext, spec: PredictSpec, column: str) -> datetime | None:
    import pyarrow.compute as pc

    try:
        with closing(_read(context, spec, (column,), None)) as batches:
            found = [newest for batch in batches if (newest := pc.max(batch.column(column)).as_py()) is not None]
    except SourceError as error:
        # rows to score need not be dated; what else is wrong with the source stops the step when its rows are read
        log.info("the scores get no date: %s", error.message)
        return None
    return max(found, default=None)
