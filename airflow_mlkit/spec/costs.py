"""What a wrong answer costs, so that a gate can speak in the business's currency."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from airflow_mlkit.spec.declared import chosen_by_key, shorten
from airflow_mlkit.spec.values import ColumnName, Declared, Number


def _number_or_column(given: Any) -> Any:
    is_amount = isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)
    if not is_amount and not isinstance(given, str):
        raise ValueError(f"{shorten(given)} is neither an amount nor a column; write 5, or a column's name")
    return given


Price = Annotated[float | ColumnName, BeforeValidator(_number_or_column)]
"""An amount for every row, or a column that holds each row's own."""


class AnswerCosts(Declared):
    """Of a binary problem: what each kind of answer costs, in any currency. Below 0 is a gain."""

    miss: Price = Field(0.0, description="A positive row that is not found: an amount, or a column with each row's.")
    false_alarm: Price = Field(0.0, description="A row that is called positive and is not.")
    hit: Price = Field(0.0, description="A positive row that is found, such as what looking into it costs.")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that hold amounts."""
        return tuple(
            dict.fromkeys(price for price in (self.miss, self.false_alarm, self.hit) if isinstance(price, str))
        )


class MatrixCosts(Declared):
    """A row for each true class and a column for each predicted one; classes sorted, of two the negative one first."""

    matrix: tuple[tuple[Number, ...], ...] = Field(min_length=2, description="Such as [[0, 5], [100, 0]].")

    @field_validator("matrix")
    @classmethod
    def _square(cls, matrix: tuple[tuple[float, ...], ...]) -> tuple[tuple[float, ...], ...]:
        if any(len(row) != len(matrix) for row in matrix):
            raise ValueError(f"is not square; give {len(matrix)} rows of {len(matrix)} numbers")
        return matrix

    @property
    def columns(self) -> tuple[str, ...]:
        """None: the amounts are the same in every row."""
        return ()


Costs = Annotated[
    AnswerCosts | MatrixCosts, chosen_by_key(matrix=MatrixCosts, miss=AnswerCosts, false_alarm=AnswerCosts)
]
