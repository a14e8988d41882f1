"""What a run directory says of itself: the run, and the outcome of each try of a step."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from airflow_mlkit.spec.quantity import Memory
from airflow_mlkit.spec.run_parameters import RunParameters


class Record(BaseModel):
    """Base of the files of a run directory. Unknown keys are read over, so that older code reads newer runs."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def to_bytes(self) -> bytes:
        """The record as it is written: indented JSON."""
        return (self.model_dump_json(indent=2) + "\n").encode()


class RunRecord(Record):
    """`run.json`: which run this is. `as_of` is None where neither a schedule nor a date column gives one."""

    name: str
    run_id: str
    dag: str = "retrain"
    as_of: datetime | None = None
    environment: str = "laptop"
    parameters: RunParameters = RunParameters()
    triggered_by: str | None = None
    started: datetime


HELD_BACK_EXIT_CODE = 20
"""What a step ends with that was held back; Airflow shows its task as skipped. The errors carry the other codes."""

UNASKED_EXIT_CODE = 75
"""Of a pod that was started ahead and whose task did not come (EX_TEMPFAIL of sysexits.h)."""


class Outcome(StrEnum):
    """How a try of a step ended."""

    DONE = "done"
    HELD_BACK = "held_back"
    FAILED = "failed"

    @property
    def is_published(self) -> bool:
        """Whether later steps may read what this try made."""
        return self is not Outcome.FAILED


class FileRecord(Record):
    """A file of a try: its hash and its size in bytes."""

    sha256: str
    size: int


class NodeRecord(Record):
    """What one node of the pool offered."""

    cpu: float = Field(gt=0, allow_inf_nan=False)
    memory: Memory
    gpu: int = Field(0, ge=0)


class SizeRecord(Record):
    """The size that a try asked for, and what an hour of its pool's node cost: as it was then, since both change.

    `backend` says where the step ran; a local one has the machine to itself, whatever it asked for. `node` and
    `price_per_hour` are None where platform.yaml did not say.
    """

    name: str
    cpu: float = Field(gt=0, allow_inf_nan=False)
    memory: Memory
    gpu: int = Field(0, ge=0)
    pool: str
    backend: str
    node: NodeRecord | None = None
    price_per_hour: float | None = Field(None, ge=0, allow_inf_nan=False)
    currency: str | None = None

    @property
    def has_gpus(self) -> bool:
        """Whether the step has the graphics cards that it asked for: a local one has those of this machine."""
        return self.gpu > 0 and self.backend != "local"


class TryStart(Record):
    """`started.json` of a try: when it began, the size that it asked for, and the pod that it runs in, on Kubernetes.

    `claim` tells two writers apart.
    """

    started: datetime
    claim: str
    size: SizeRecord | None = None
    pod: str | None = None


class PodRecord(Record):
    """`pods/<n>.json` of a generation: a pod that a step had, and what became of it.

    `cause` is a word for programs, `said` what the cluster said. `started` and `ended` are None for one that never ran.
    `asked` is its size with the price of then. `peak_memory_mib` is None where its step could not say it any more: of
    one that was out of memory it is known to be above what was asked for.
    """

    pod: str
    size: str
    cause: str
    said: str = ""
    exit_code: int | None = None
    node: str | None = None
    started: datetime | None = None
    ended: datetime | None = None
    peak_memory_mib: float | None = None
    asked: SizeRecord | None = None


class StepRecord(Record):
    """`published.json`, and `outcome.json` of each try.

    `lacked_memory` says that it, or a process of its own, was killed for it. `pod` is the one it ran in, on Kubernetes.
    `reason` is a sentence for people; `summary` the few numbers that pages and terminals show. `inputs` holds the hash
    of what each step that was read had published, `fingerprint` the hash of all that the result depends on. `size` is
    what the try asked for; None in a record from before that was kept.
    """

    step: str
    generation: int
    try_number: int
    outcome: Outcome
    exit_code: int
    reason: str | None = None
    summary: dict[str, Any] = Field(default_factory=dict)
    inputs: dict[str, str] = Field(default_factory=dict)
    fingerprint: str = ""
    spec_hash: str = ""
    files: dict[str, FileRecord] = Field(default_factory=dict)
    started: datetime
    ended: datetime
    peak_memory_mib: float | None = None
    lacked_memory: bool = False
    pod: str | None = None
    size: SizeRecord | None = None

    @field_validator("files")
    @classmethod
    def _inside_the_try(cls, files: dict[str, FileRecord]) -> dict[str, FileRecord]:
        outside = [name for name in files if name.startswith("/") or ".." in PurePosixPath(name).parts]
        if outside:
            raise ValueError(f"{outside[0]!r} lies outside the try")
        return files

    @property
    def seconds(self) -> float:
        """How long the try took."""
        return (self.ended - self.started).total_seconds()
