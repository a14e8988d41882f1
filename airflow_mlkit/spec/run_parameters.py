"""What may be set for one retrain, in Airflow's trigger form or on the command line."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Self

from pydantic import Field, model_validator

from airflow_mlkit.spec.declared import problem_at
from airflow_mlkit.spec.nearest import did_you_mean
from airflow_mlkit.spec.values import Declared, Name, Params


def find_unknown(declared: Iterable[str], params: Iterable[str]) -> list[str]:
    """A sentence for each parameter of a run that `train.params` does not declare, so that a typo is no silent tie."""
    known = list(declared)
    return [
        f"mlkit.yaml declares no train.params.{name}{did_you_mean(name, known)}" for name in params if name not in known
    ]


class RunParameters(Declared):
    """What one retrain does differently from mlkit.yaml. Everything left out is as mlkit.yaml says."""

    training_start: date | None = Field(None, description="Rows dated before it are left out.")
    training_end: date | None = Field(None, description="Rows dated on it or later are left out.")
    params: Params = Field(default_factory=dict, description="Laid over train.params.")
    size: Name | None = Field(None, description="Instead of train.size.")

    @model_validator(mode="after")
    def _start_before_end(self) -> Self:
        if self.training_start and self.training_end and self.training_start >= self.training_end:
            said = f"{self.training_start} is not before training_end, {self.training_end}"
            raise problem_at((("training_start",), said))
        return self
