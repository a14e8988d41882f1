"""Everything that a model version can tell of itself, as tags in MLflow and whole in its `version.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from pydantic import Field

from airflow_mlkit.cost.report import Cost
from airflow_mlkit.gates.report import GateReport
from airflow_mlkit.registry.address import without_credentials
from airflow_mlkit.registry.challenger import Challenger
from airflow_mlkit.rundir import Approval
from airflow_mlkit.rundir.records import Record
from airflow_mlkit.spec.run_parameters import RunParameters

VERSION_FILE = "version.json"

IN_FILE = f"see {VERSION_FILE}"
"""The value of a tag whose own value is too long for MLflow."""

MAX_TAG = 5000
"""What the tightest of MLflow's stores keeps of a tag's value, in characters."""

_PREFIX = "mlkit."
_NO_TAGS = frozenset({"params", "metrics", "distributions"})
"""MLflow keeps params and metrics in places of their own; some hundred distributions are read by nobody in a tag."""


class GateFact(Record):
    """One gate or sanity check that a version was measured with, and the numbers it had.

    `value` is the version's own, `champion` the champion's of then, `limit` what had to be reached or not exceeded.
    """

    gate: str
    passed: bool
    value: float | None = None
    champion: float | None = None
    limit: float | None = None


class VersionFacts(Record):
    """What is known of a version; nothing of it changes later. Only the id is certain to be there in an older one.

    Attributes:
        environment: of platform.yaml, where the run went.
        parameters: what the run did differently from mlkit.yaml.
        features: the columns of mlkit.yaml; `model_features` those that the model gets, where they are others.
        roles: the columns that are neither features nor the label, by what they are used for, such as `date`.
        source: as declared; for a query also the hash of its file.
        params: of the workflow, as the run used them.
        libraries: those that its numbers depend on, and Python; `distributions` all that was installed.
        adopted_from: where a model that was made elsewhere was taken from. Its seed, params, threads, device, platform
            and image are not known, and the libraries are those that it was adopted with.
        cost: of all tries of its run, from the first to its registration.
        approved_by: who said yes before it was promoted, where a person was asked.
    """

    model_id: str | None = None
    run_id: str | None = None
    run_dir: str | None = None
    as_of: datetime | None = None
    environment: str | None = None
    parameters: RunParameters = RunParameters()
    owner: str | None = None
    triggered_by: str | None = None
    pattern: str | None = None
    git_commit: str | None = None
    git_clean: bool | None = None
    image: str | None = None
    platform: str | None = None
    device: str | None = None
    source: dict[str, str] = Field(default_factory=dict)
    features: tuple[str, ...] = ()
    model_features: tuple[str, ...] = ()
    label: str | None = None
    roles: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    data_hash: str | None = None
    holdout_hash: str | None = None
    spec_hash: str | None = None
    code_hash: str | None = None
    seed: int | None = None
    threads: int | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    libraries: dict[str, str] = Field(default_factory=dict)
    distributions: dict[str, str] = Field(default_factory=dict)
    metrics: dict[str, float | None] = Field(default_factory=dict)
    cost: Cost | None = None
    adopted_from: str | None = None
    gate_decision: str | None = None
    gates: tuple[GateFact, ...] = ()
    approved_by: str | None = None
    approval: Approval | None = None

    @property
    def seen(self) -> tuple[str, ...]:
        """The columns that the model gets."""
        return self.model_features or self.features

    @classmethod
    def of(cls, challenger: Challenger, report: GateReport) -> Self:
        """What a challenger tells that is being registered, and what its gates said."""
        provenance, approval = challenger.provenance, challenger.approval
        origin = {
            "run_dir": without_credentials(challenger.run_dir),
            "git_commit": provenance.git.commit,
            "git_clean": provenance.git.clean,
            "gate_decision": report.decision.value,
            "gates": _list_gates(report),
            "approved_by": approval.by if approval and approval.answer == "yes" else None,
        }
        return cls.model_validate(vars(challenger) | dict(provenance) | origin)

    def to_tags(self) -> dict[str, str]:
        """The tags of a tracking run and of a model version. What is too long is said to be in `version.json`."""
        fields = self.model_dump(mode="json", exclude=set(_NO_TAGS), exclude_none=True, exclude_defaults=True)
        texts = {name: _to_text(value) for name, value in fields.items()}
        return {f"{_PREFIX}{name}": text if len(text) <= MAX_TAG else IN_FILE for name, text in texts.items()}

    @classmethod
    def from_tags(cls, tags: Mapping[str, str]) -> Self:
        """What the tags of a version tell. What is not there, only in the file, or was spoilt by hand is left out."""
        given = {name: tags[f"{_PREFIX}{name}"] for name in cls.model_fields if f"{_PREFIX}{name}" in tags}
        found = {name: cls._read_text(name, text) for name, text in given.items() if text != IN_FILE}
        return cls.model_validate({name: value for name, value in found.items() if value is not None})

    @classmethod
    def list_in_file(cls, tags: Mapping[str, str]) -> list[str]:
        """The names of the facts that the tags do not hold because they are too long."""
        return [name for name in cls.model_fields if tags.get(f"{_PREFIX}{name}") == IN_FILE]

    @classmethod
    def _read_text(cls, name: str, text: str) -> Any:
        """The value of a tag: a text, or what its JSON says; None where it is neither."""
        for read in (str, json.loads):
            try:
                value = read(text)
                cls.model_validate({name: value})
            except ValueError:  # ValidationError is one too
                continue
            return value
        return None


def _to_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _list_gates(report: GateReport) -> tuple[GateFact, ...]:
    return tuple(
        GateFact(
            gate=result.title,
            passed=result.passed,
            value=result.challenger,
            champion=result.champion,
            limit=result.limit,
        )
        for result in report.results
    )
