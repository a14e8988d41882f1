"""What a step is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from airflow_mlkit.plan import PlannedStep
from airflow_mlkit.project import Project
from airflow_mlkit.rundir import Approval, Outcome, Publication, RunDirectory, Try, hash_file, hash_value
from airflow_mlkit.spec.data import SqlSource
from airflow_mlkit.spec.pipeline import PipelineSpec, TrainSpec


@dataclass(frozen=True)
class StepResult:
    """How a step ended that was not stopped by an error.

    `summary` is the few numbers for pages and terminals: plain JSON values, no NaN.
    """

    summary: dict[str, Any] = field(default_factory=dict)
    outcome: Outcome = Outcome.DONE
    reason: str | None = None


@dataclass(frozen=True)
class StepContext:
    """One try of one step: the project, the run, and where to write; for promote, what a person answered."""

    project: Project
    run: RunDirectory
    planned: PlannedStep
    attempt: Try
    approval: Approval | None = None

    @property
    def folder(self) -> Path:
        """Where the try writes: a folder on this machine. What lies here at the end is published, with its hashes."""
        return self.attempt.folder

    @cached_property
    def spec(self) -> PipelineSpec:
        """What the project declares, with the run's parameters laid over it."""
        return with_parameters(self.project.spec, self.run)

    @property
    def as_of(self) -> datetime | None:
        """The run's moment; the newest date in the data where none was given; None without either."""
        if self.run.record.as_of or self.planned.name == "extract":
            return self.run.record.as_of
        extract = self.find("extract")
        text = extract.summary.get("as_of") if extract else None
        return datetime.fromisoformat(text) if text else None

    @cached_property
    def inputs(self) -> dict[str, str]:
        """The hashes of what the steps before this one have published; a step that has not is left out."""
        return read_inputs(self.planned, self.find)

    @cached_property
    def fingerprint(self) -> str:
        """The hash of all that the step's result depends on."""
        return fingerprint(self.project, self.run, self.planned, self.inputs)

    def input(self, step: str) -> Publication:
        """What an earlier step of this run made public; the same one however often it is asked for.

        Raises:
            RunDirectoryError: when it has published nothing.
        """
        return self.find(step) or self.run.published(step)

    def find(self, step: str) -> Publication | None:
        """What an earlier step of this run made public; None where it has published nothing yet."""
        if step not in self._found and (found := self.run.step(step).published()):
            self._found[step] = found
        return self._found.get(step)

    @cached_property
    def _found(self) -> dict[str, Publication]:
        return {}


def with_parameters(spec: PipelineSpec, run: RunDirectory) -> PipelineSpec:
    """A spec as one run uses it: its parameters laid over `train.params`."""
    changed = run.record.parameters.params
    if not changed:
        return spec
    train: TrainSpec = spec.train.model_copy(update={"params": {**spec.train.params, **changed}})
    return spec.model_copy(update={"train": train})


def read_inputs(planned: PlannedStep, find: Callable[[str], Publication | None]) -> dict[str, str]:
    """The hashes of what a step reads; what has not been published is left out.

    Args:
        planned: the step.
        find: what another step has published.
    """
    found = {name: find(name) for name in planned.reads}
    return {name: publication.hash for name, publication in found.items() if publication}


def fingerprint(project: Project, run: RunDirectory, planned: PlannedStep, inputs: Mapping[str, str]) -> str:
    """The hash of all that a step's result depends on: parts of the spec, files they name, code, parameters, inputs."""
    declared = with_parameters(project.spec, run).model_dump(mode="json", by_alias=True)
    return hash_value(
        {
            "step": planned.name,
            "sections": {section: _look_up(declared, section) for section in planned.sections},
            "files": {name: hash_file(path) for name, path in _named_files(project, planned).items() if path.is_file()},
            "code": project.code_hash if planned.code else None,
            "record": run.record.model_dump(mode="json", include={"as_of", "parameters"})
            if not planned.reads
            else None,
            "inputs": inputs,
        }
    )


def _named_files(project: Project, planned: PlannedStep) -> dict[str, Path]:
    names = []
    if planned.name == "validate":
        names.append(project.spec.validation.suite)
    if planned.name == "extract" and isinstance(project.spec.data.source, SqlSource):
        names.append(project.spec.data.source.sql)
    if planned.name == "predict" and project.spec.predict and isinstance(project.spec.predict.source, SqlSource):
        names.append(project.spec.predict.source.sql)
    return {name: project.folder / name for name in names}


def _look_up(declared: Any, section: str) -> Any:
    for key in section.split("."):
        declared = declared.get(key) if isinstance(declared, dict) else None
    return declared
