"""One entry of the champion log: who became the champion, when, and on what grounds."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from airflow_mlkit.registry.chained_log import ChainedRecord
from airflow_mlkit.rundir import Approval


class ChampionEntry(ChainedRecord):
    """`<champions>/<model>/<n>.json`: created once, never changed.

    Attributes:
        action: how the version became the champion.
        model_version: its number in MLflow's registry.
        model_id: the hash of the model's content.
        run_dir: the run directory that made it.
        as_of: the moment of that run; None where neither a schedule nor a date column gives one.
        promoted_by: who said yes or decided, else who asked for the run, else the project's owner.
        approval: what a person answered before the gates' yes counted, where one was asked.
        by_person: whether a person decided, and not the gates.
        restores: the number of the entry that a person made the champion again, and whose model this entry repeats.
        reason: a sentence for people, or what a person gave as the reason.
        gate_report: sha256 of the gate report about the version; it decided, unless a person did.
        artifact: URI of the folder with the model's files.
        metrics: of the run's holdout; a metric that is not defined there is null.
        adopted_from: where a model that was made elsewhere was taken from, such as `models:/churn/3`.
        trained_until: a person's word that an adopted model has learned from no row that is dated later.
        unseen_because: a person's word that it has learned from no row of the holdout, and why.
        anchor: the number of the entry against which slow decline is measured; None in an entry from before there was
            an anchor, which is its own.
    """

    action: Literal["promote", "rollback", "adopt"] = "promote"
    model_name: str
    model_version: str
    model_id: str
    run_id: str
    run_dir: str
    as_of: datetime | None = None
    promoted_at: datetime
    promoted_by: str
    approval: Approval | None = None
    by_person: bool = False
    restores: int | None = Field(default=None, ge=1)
    reason: str
    gate_report: str
    data_hash: str
    holdout_hash: str
    spec_hash: str
    code_hash: str
    artifact: str
    metrics: dict[str, float | None] = Field(default_factory=dict)
    adopted_from: str | None = None
    trained_until: datetime | None = None
    unseen_because: str | None = None
    anchor: int | None = Field(default=None, ge=1)

    @property
    def title(self) -> str:
        """The version for people, such as `churn version 3`."""
        return f"{self.model_name} version {self.model_version}"

    @property
    def anchor_number(self) -> int:
        """The number of its anchor's entry, which may be its own."""
        return self.anchor or self.n

    @property
    def trouble(self) -> str | None:
        """What contradicts itself in the entry, in a few words."""
        if self.anchor_number > self.n:
            return f"its anchor is the later entry {self.anchor}"
        if self.restores and self.restores >= self.n:
            return f"it restores entry {self.restores}, which is not an older one"
        return None
