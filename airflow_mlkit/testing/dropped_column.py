"""The raw column that a model would miss the most, and rows that no longer tell it."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from airflow_mlkit.data.frame import to_frame
from airflow_mlkit.data.split_record import SplitRecord
from airflow_mlkit.evaluation.importance import measure_importance
from airflow_mlkit.rundir import RunDirectory
from airflow_mlkit.workflows.model import Model


def best_column(run_dir: str) -> tuple[str, Any]:
    """The raw column whose shuffling costs a run's model the most on its holdout, and its most frequent value there.

    Where that would take too long it is the first one: made-up labels hang on the first columns alike.

    Args:
        run_dir: of a retrain that came as far as train.
    """
    run = RunDirectory(run_dir)
    split, model = run.published("split"), Model.load(run.published("train").folder("model"))
    record = SplitRecord.load(split.file("split.json"))
    raw = to_frame(pa.parquet.read_table(split.file("holdout_raw.parquet"), columns=list(model.manifest.inputs)))
    labels = pa.ipc.open_file(str(split.file("holdout.arrow"))).read_all()[record.label].to_numpy()
    costs = measure_importance(model.score_raw, raw, labels, record.kind, seed=0)
    name = max(costs, key=lambda each: costs[each]) if costs else model.manifest.inputs[0]
    value = raw[name].mode().iloc[0]
    return name, str(value) if isinstance(value, pd.Timestamp) else getattr(value, "item", lambda: value)()


def drop_column(dataframe: pd.DataFrame, name: str, value: Any) -> pd.DataFrame:
    """The rows with one value in a column, so that it tells nothing; a date is given as text."""
    kind = dataframe[name].dtype
    if isinstance(kind, pd.DatetimeTZDtype) or getattr(kind, "kind", "") == "M":
        value = pd.Timestamp(value)
    return dataframe.assign(**{name: pd.Series([value] * len(dataframe), index=dataframe.index, dtype=kind)})
