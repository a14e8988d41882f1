"""What each answer to the holdout's rows is worth, where mlkit.yaml says what a wrong one costs."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from airflow_mlkit.data.split_record import SplitRecord
from airflow_mlkit.evaluation.gains import price_answers
from airflow_mlkit.evaluation.metrics import Floats
from airflow_mlkit.steps.context import StepContext
from airflow_mlkit.steps.holdout_rows import read_holdout_rows


def read_gains(context: StepContext, record: SplitRecord, labels: NDArray[Any]) -> Floats | None:
    """The gains of `price_answers` for the holdout; None without evaluate.costs.

    Args:
        context: of a step that comes after split.
        record: of the run's split.
        labels: of the holdout, encoded, shape (n,).
    """
    costs = context.spec.evaluate.costs
    if costs is None:
        return None
    return price_answers(costs, labels, read_holdout_rows(context, costs.columns), len(record.classes))
