"""A trained model that wants to become the champion, with all that a version tells of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow_mlkit.cost.report import Cost
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.provenance import Provenance
from airflow_mlkit.rundir import Approval
from airflow_mlkit.spec.run_parameters import RunParameters


@dataclass(frozen=True)
class Challenger:
    """One run's model.

    Attributes:
        as_of: the run's moment; None where neither a schedule nor a date column gives one.
        data_hash: of the snapshot's content; `holdout_hash` of the rows it was evaluated on.
        code_hash: of the project's package that the model carries.
        environment: of platform.yaml, where the run went.
        parameters: what the run did differently from mlkit.yaml.
        features: the columns of mlkit.yaml; `model_features` those that the model gets, where they are others.
        roles: the columns that are used for something else, by what they are used for.
        seed: like `threads`, `device` and `params` of the workflow as this run used them; not known of an adopted one.
        metrics: of the holdout; None where one is undefined.
        libraries: those that its numbers depend on, and Python.
        provenance: the commit, the image, the source, all that was installed.
        model: the folder with the model's files, on this machine.
        cost: of all tries of its run up to now; None where it was not counted.
        project: the folder with mlkit.yaml as it was and the files that it names; None where none was kept.
        documents: further files that are kept beside it, such as the report page.
        approval: what a person answered, where one was asked.
    """

    model_name: str
    model_id: str
    run_id: str
    run_dir: str
    owner: str
    data_hash: str
    holdout_hash: str
    spec_hash: str
    code_hash: str
    model: Path
    as_of: datetime | None = None
    triggered_by: str | None = None
    environment: str | None = None
    parameters: RunParameters = field(default_factory=RunParameters)
    pattern: str | None = None
    label: str | None = None
    features: tuple[str, ...] = ()
    model_features: tuple[str, ...] = ()
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    seed: int | None = None
    threads: int | None = None
    device: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)
    provenance: Provenance = field(default_factory=Provenance)
    cost: Cost | None = None
    project: Path | None = None
    documents: tuple[Path, ...] = ()
    approval: Approval | None = None

    @property
    def promoted_by(self) -> str:
        """Who stands for the promotion: who said yes, else who asked for the run, else the owner."""
        said_yes = self.approval.by if self.approval else None
        return said_yes or self.triggered_by or self.owner

    def became(self, entry: ChampionEntry) -> bool:
        """Whether an entry of the champion log is this very challenger's. A run that was made again is another one."""
        return (entry.run_id, entry.model_id) == (self.run_id, self.model_id)
