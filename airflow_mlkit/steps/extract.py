"""The step `extract`: the rows and columns of the source that this run may see, written once as a snapshot."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from airflow_mlkit.data.chunk import Chunk
from airflow_mlkit.data.chunk_store import ChunkStore
from airflow_mlkit.data.columns import column_types, needed_columns
from airflow_mlkit.data.moment import to_utc
from airflow_mlkit.data.snapshot import SnapshotWriter
from airflow_mlkit.data.source import SourceReader, read_source
from airflow_mlkit.data.types import word_of
from airflow_mlkit.data.window import DateWindow, check_freshness, newest_date, oldest_date
from airflow_mlkit.evaluation.slices import check_ranges
from airflow_mlkit.exceptions import SourceError, UserError
from airflow_mlkit.spec.values import ColumnType
from airflow_mlkit.steps.context import StepContext, StepResult

log = logging.getLogger(__name__)

SNAPSHOT = "snapshot.parquet"
SNAPSHOT_RECORD = "snapshot.json"
_REASONS = {
    "filters": "left out by the filters",
    "undated": "without a date",
    "after_as_of": "later than the as_of",
    "immature": "whose label is not yet known",
    "training_dates": "outside of the training dates",
}
_PROGRESS_SECONDS = 5.0


@dataclass(frozen=True)
class Written:
    """What the snapshot holds."""

    rows: int
    content_hash: str
    columns: dict[str, ColumnType]
    oldest: datetime | None
    newest: datetime | None


def run(context: StepContext) -> StepResult:
    """Write `snapshot.parquet` and `snapshot.json`."""
    data = context.spec.data
    window = _date_window(context)
    given = context.run.record.as_of
    columns, types = needed_columns(context.spec), column_types(context.spec)
    with read_source(context.project, data.source, columns, types, data.filters, as_of=given) as reader:
        check_ranges(reader.schema, context.spec.evaluate.slices)
        written = _write(context, reader.schema, _visible_rows(reader, window), data.date_column)
    as_of = given or (window and (window.as_of or window.newest))
    left_out = {"filters": reader.filtered, "immature": 0, "training_dates": 0, **(window.left_out if window else {})}
    _log_left_out(left_out)
    _check_fresh(context, reader, window)
    if not written.rows:
        raise _no_rows(reader, left_out)
    return StepResult(_record(context, reader, written, left_out, to_utc(as_of) if as_of else None))


def _date_window(context: StepContext) -> DateWindow | None:
    data, parameters = context.spec.data, context.run.record.parameters
    if data.date_column is None:
        if parameters.training_start or parameters.training_end:
            raise UserError(
                "training_start and training_end need data.date_column in mlkit.yaml.",
                hint="Name the column that holds each row's date, or start the run without them.",
            )
        return None
    as_of = context.run.record.as_of
    return DateWindow(
        column=data.date_column,
        as_of=to_utc(as_of) if as_of else None,
        matures_after=data.label_matures_after,
        start=parameters.training_start,
        end=parameters.training_end,
    )


def _visible_rows(reader: SourceReader, window: DateWindow | None) -> Iterator[pa.RecordBatch]:
    if window is None:
        yield from _with_progress(reader, reader)
    elif window.as_of is None and window.matures_after is not None:
        yield from _newest_first(reader, window)
    else:
        yield from map(window.keep, _with_progress(reader, reader))


def _newest_first(reader: SourceReader, window: DateWindow) -> Iterator[pa.RecordBatch]:
    """Where the as_of is the newest date in the data, all rows are seen before it is known which ones have matured."""
    with closing(ChunkStore(reader.schema)) as store:
        for batch in _with_progress(reader, reader):
            store.write(Chunk(batch, reader.name, 1))
            newest = newest_date(batch, window.column)
            if newest and (window.as_of is None or newest > window.as_of):
                window.as_of = newest
        for chunk in store.read():
            yield window.keep(chunk.batch)


def _with_progress(batches: Iterable[pa.RecordBatch], reader: SourceReader) -> Iterator[pa.RecordBatch]:
    said = time.monotonic()
    for batch in batches:
        yield batch
        if time.monotonic() - said > _PROGRESS_SECONDS:
            said = time.monotonic()
            log.info("%s: %s rows so far", reader.name, f"{reader.rows_read:,}")


def _write(
    context: StepContext, schema: pa.Schema, batches: Iterable[pa.RecordBatch], date_column: str | None
) -> Written:
    writer = SnapshotWriter(context.folder / SNAPSHOT, schema)
    dates: list[datetime] = []
    with closing(writer):
        for batch in batches:
            writer.write(batch)
            if date_column:
                found = [oldest_date(batch, date_column), newest_date(batch, date_column), *dates]
                dates = _ends([moment for moment in found if moment])
    for name, present in writer.present.items():
        if writer.rows and not present:
            log.warning("column %s is missing in every row", name)
    return Written(
        rows=writer.rows,
        content_hash=writer.content_hash,
        columns={field.name: _word(context, field) for field in schema},
        oldest=dates[0] if dates else None,
        newest=dates[-1] if dates else None,
    )


def _ends(moments: list[datetime]) -> list[datetime]:
    return [min(moments), max(moments)] if moments else []


def _word(context: StepContext, field: pa.Field) -> ColumnType:
    return context.spec.data.types.get(field.name) or word_of(field.type)


def _log_left_out(left_out: dict[str, int]) -> None:
    for reason, rows in left_out.items():
        if rows:
            level = logging.WARNING if reason == "undated" else logging.INFO
            log.log(level, "%s rows %s", f"{rows:,}", _REASONS[reason])


def _check_fresh(context: StepContext, reader: SourceReader, window: DateWindow | None) -> None:
    within = context.spec.data.fresh_within
    if within is None or window is None:
        return
    if context.run.record.as_of is None:
        log.info("fresh_within is not checked: this run's as_of is the newest date in the data")
        return
    check_freshness(window.newest, to_utc(context.run.record.as_of), within, reader.name)


def _no_rows(reader: SourceReader, left_out: dict[str, int]) -> SourceError:
    if not reader.rows_read:
        return SourceError(
            f"{reader.name} has no rows.", hint="Was it exported completely? Put the rows there and start again."
        )
    counted = {reason: left_out.get(reason, 0) for reason in _REASONS}
    reasons = ", ".join(f"{rows:,} {_REASONS[reason]}" for reason, rows in counted.items() if rows)
    return SourceError(
        f"no row of {reader.name} remains: {reader.rows_read:,} were read, {reasons}.",
        hint="Look at data.filters, data.label_matures_after, the as_of and the training dates of this run.",
    )


def _record(
    context: StepContext, reader: SourceReader, written: Written, left_out: dict[str, int], as_of: datetime | None
) -> dict[str, Any]:
    """Write `snapshot.json`. Returns the summary."""
    record = {
        "content_hash": written.content_hash,
        "rows": written.rows,
        "rows_read": reader.rows_read,
        "left_out": left_out,
        "columns": written.columns,
        "as_of": _iso(as_of),
        "newest": _iso(written.newest),
        "oldest": _iso(written.oldest),
    }
    (context.folder / SNAPSHOT_RECORD).write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", "utf-8")
    log.info("%s: %s of %s rows", SNAPSHOT, f"{written.rows:,}", f"{reader.rows_read:,}")
    return {
        "rows": written.rows,
        "rows_read": reader.rows_read,
        "left_out": sum(left_out.values()),
        "as_of": record["as_of"],
        "content_hash": written.content_hash,
        "columns": len(written.columns),
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
