"""One entry of the champion log: who became the champion, when, and on what grounds."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from airflow_mlkit.rundir.records import Record


class ChampionEntry(Record):
    """`<champions>/<model>/<n>.json`: created once, never changed.

    Attributes:
        n: counts from 1 without gaps.
        action: how the version became the champion.
        model_version: its number in MLflow's registry.
        model_id: the hash of the model's content.
        run_dir: the run directory that made it.
        as_of: the moment of that run; None where neither a schedule nor a date column gives one.
        promoted_by: who asked for the run, else the project's owner.
        reason: a sentence for people.
        previous: the number of the entry before this one; None for the first. The log fills it in.
        previous_hash: sha256 of that entry's bytes: each entry vouches for all before it. The log fills it in.
        gate_report: sha256 of the gate report that decided.
        artifact: URI of the folder with the model's files.
        metrics: of the run's holdout; a metric that is not defined there is null.
        anchor: the number of the entry against which slow decline is measured; None in an entry from before there was
            an anchor, which is its own.
    """

    n: int = Field(ge=1)
    action: Literal["promote", "rollback", "adopt"] = "promote"
    model_name: str
    model_version: str
    model_id: str
    run_id: str
    run_dir: str
    as_of: datetime | None = None
    promoted_at: datetime
    promoted_by: str
    reason: str
    previous: int | None = None
    previous_hash: str | None = None
    gate_report: str
    data_hash: str
    holdout_hash: str
    spec_hash: str
    code_hash: str
    artifact: str
    metrics: dict[str, float | None] = Field(default_factory=dict)
    anchor: int | None = Field(default=None, ge=1)

    @property
    def anchor_number(self) -> int:
        """The number of its anchor's entry, which may be its own."""
        return self.anchor or self.n
