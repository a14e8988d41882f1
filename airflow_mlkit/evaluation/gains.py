"""What each answer to each row is worth: the metric `value` is the mean over the rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from airflow_mlkit.evaluation.metrics import Floats
from airflow_mlkit.exceptions import DataError, UserError
from airflow_mlkit.spec.costs import AnswerCosts, MatrixCosts, Price


def price_answers(costs: AnswerCosts | MatrixCosts, labels: NDArray[np.integer], raw: pa.Table, classes: int) -> Floats:
    """What it is worth to answer each row with each class: the costs with their sign turned, shape (n, classes).

    Args:
        costs: of mlkit.yaml.
        labels: encoded, shape (n,).
        raw: the same rows with the columns that hold amounts.
        classes: of the problem.

    Raises:
        UserError: when the matrix is not of the problem's size.
        DataError: when a column's amounts are missing or no numbers.
    """
    if isinstance(costs, MatrixCosts):
        if len(costs.matrix) != classes:
            raise UserError(
                f"evaluate.costs.matrix in mlkit.yaml is for {len(costs.matrix)} classes, and the label has {classes}.",
                hint="Give a row and a column for each class.",
            )
        of_rows: Floats = -np.array(costs.matrix)[labels]
        return of_rows
    miss, false_alarm, hit = (_amounts(price, raw) for price in (costs.miss, costs.false_alarm, costs.hit))
    positive = labels == 1
    return -np.column_stack([np.where(positive, miss, 0.0), np.where(positive, hit, false_alarm)])


def _amounts(price: Price, raw: pa.Table) -> Floats | float:
    if not isinstance(price, str):
        return price
    column = raw[price]
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)):
        raise DataError(
            f"evaluate.costs: the column {price!r} holds {column.type}, and amounts are numbers.",
            hint=f"Declare types: {{{price}: number}} under data, or name another column.",
        )
    amounts: Floats = pc.cast(column, pa.float64()).to_numpy()
    if bad := int(len(amounts) - np.count_nonzero(np.isfinite(amounts))):
        raise DataError(
            f"evaluate.costs: {bad:,} of {len(amounts):,} amounts in the column {price!r} of the holdout are missing.",
            hint="Fill them in the source, or leave such rows out with data.filters.",
        )
    return amounts
