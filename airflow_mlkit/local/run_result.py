"""How a run on this machine ended: what `mlkit run --json` prints."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class RunState(StrEnum):
    """The end of a run, in the words of the product."""

    SHIPPED = "SHIPPED"
    NOT_SHIPPED = "NOT_SHIPPED"
    SCORED = "SCORED"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"


class StepState(StrEnum):
    """Where a step of a run stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    KEPT = "kept"
    HELD_BACK = "held back"
    FAILED = "failed"


class StepStatus(BaseModel):
    """A step as people watch it. `seconds` and `memory_mib` are of the running process, then of the finished one."""

    name: str
    state: StepState = StepState.WAITING
    seconds: float | None = None
    memory_mib: float | None = None
    reason: str | None = None
    exit_code: int | None = None
    summary: dict[str, Any] = Field(default_factory=dict)


class RunResult(BaseModel):
    """The end of a run. `gates` are the results of the gate report, `metrics` those of the holdout.

    `report` is the page about the model, `gate_report` the page about the decision.
    """

    model_config = ConfigDict(protected_namespaces=())

    state: RunState
    reason: str | None
    model_name: str
    model_version: str | None = None
    model_id: str | None = None
    as_of: datetime | None = None
    metrics: dict[str, float | None] = Field(default_factory=dict)
    gates: list[dict[str, Any]] = Field(default_factory=list)
    steps: list[StepStatus]
    run_id: str
    run_dir: str
    report: str | None = None
    gate_report: str | None = None
    output: str | None = None
    rows: int | None = None
    exit_code: int = Field(0, exclude=True)
