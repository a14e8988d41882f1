"""A step that has ended, as its run directory has it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Self

from airflow_mlkit.airflow.lineage.names import DatasetName, SourceNames, name_place, name_source
from airflow_mlkit.project import Project
from airflow_mlkit.rundir import Outcome, Publication, RunDirectory, StepRecord


@dataclass(frozen=True)
class EndedStep:
    """The try of a step that counts, and the datasets it has to do with.

    `result` is None where it was killed before it could write anything down.
    """

    project: Project
    run: RunDirectory
    name: str
    result: Publication | None

    @classmethod
    def find(cls, project: Project, run: RunDirectory, name: str, *, failed_since: datetime | None = None) -> Self:
        """The step as it was published last, or its last try.

        Args:
            project: whose step it is.
            run: where it wrote.
            name: the step's.
            failed_since: when the try began that failed; None for a step that ended well.
        """
        step = run.step(name)
        if failed_since is None:
            return cls(project, run, name, step.published())
        tries = [record for record in step.tries() if record.ended >= failed_since]
        last = Publication(step.root / str(tries[-1].generation), tries[-1]) if tries else None
        return cls(project, run, name, last)

    @property
    def record(self) -> StepRecord | None:
        """How it ended."""
        return self.result.record if self.result else None

    @property
    def is_done(self) -> bool:
        """Whether it made what it was to make: it neither failed nor was held back."""
        return self.record is not None and self.record.outcome is Outcome.DONE

    def read(self, file: str, *, of: str | None = None) -> dict[str, Any]:
        """A JSON file that the step wrote, or that another step of the run published; empty where there is none."""
        found = self.run.step(of).published() if of else self.result
        if found is None or file not in found.record.files:
            return {}
        content: dict[str, Any] = json.loads(found.file(file).read_bytes())
        return content

    def place(self, file: str, *, of: str | None = None) -> DatasetName | None:
        """Where a file lies that the step wrote, or that another step of the run published."""
        found = self.run.step(of).published() if of else self.result
        return name_place(str(found.uri(file))) if found else None

    @cached_property
    def snapshot(self) -> DatasetName:
        """The project's snapshots: one dataset, of which each run makes a version."""
        return name_place(self.project.runs).inside("snapshot")

    @cached_property
    def candidate(self) -> DatasetName:
        """The models that the project's runs train: one dataset, of which each run makes a version."""
        return name_place(self.project.runs).inside("candidate")

    @cached_property
    def model(self) -> DatasetName:
        """The registered model: the champion log, which says which version counts."""
        return name_place(self.project.champions)

    @cached_property
    def source(self) -> SourceNames:
        """What the step reads from outside."""
        spec = self.project.spec
        return name_source(
            self.project, spec.predict.source if self.name == "predict" and spec.predict else spec.data.source
        )
