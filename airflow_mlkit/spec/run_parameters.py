"""What may be set for one retrain, in Airflow's trigger form or on the command line."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Self

from pydantic import Field, model_validator

from airflow_mlkit.spec.declared import problem_at
from airflow_mlkit.spec.nearest import did_you_mean
from airflow_mlkit.spec.values import Declared, Name, Params


class RunParameters(Declared):
    """What one retrain does differently from mlkit.yaml. Everything left out is as mlkit.yaml says."""

    training_start: date | None = Field(None, description="Rows dated before it are left out.")
    training_end: date | None = Field(None, description="Rows dated on it or later are left out.")
    params: Params = Field(default_factory=dict, description="Laid over train.params.")
    size: Name | None = Field(None, description="Instead of train.size.")
    compute_resource: str | None = Field(None, description="The same by a name under compute_resources, such as GPU.")

    @model_validator(mode="after")
    def _start_before_end(self) -> Self:
        if self.training_start and self.training_end and self.training_start >= self.training_end:
            said = f"{self.training_start} is not before training_end, {self.training_end}"
            raise problem_at((("training_start",), said))
        return self

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if self.size and self.compute_resource:
            said = f"{self.compute_resource!r} stands beside the size {self.size!r}; name one of the two"
            raise problem_at((("compute_resource",), said))
        return self


def find_unknown(
    given: RunParameters, *, params: Iterable[str], sizes: Iterable[str], resources: Iterable[str]
) -> list[str]:
    """A sentence for each name in a run's parameters that is not declared: a typo is not silently without effect.

    Args:
        given: what the run does differently.
        params: the names under `train.params`.
        sizes: the names under `sizes` of the platform.
        resources: the names under `compute_resources` of the platform.
    """
    known, known_sizes = list(params), list(sizes)
    unknown = [
        f"mlkit.yaml declares no train.params.{name}{did_you_mean(name, known)}"
        for name in given.params
        if name not in known
    ]
    if given.size and given.size not in known_sizes:
        unknown.append(f"the platform has no size {given.size!r}{did_you_mean(given.size, known_sizes)}")
    named = list(resources)
    if given.compute_resource and given.compute_resource not in named:
        asked = given.compute_resource
        unknown.append(f"the platform has no compute resource {asked!r}{did_you_mean(asked, named)}")
    return unknown
