"""What is known of a project's model: its champions, and everything of one version."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from upath import UPath

from airflow_mlkit.exceptions import UserError
from airflow_mlkit.project import Project
from airflow_mlkit.registry.address import resolved
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.champion_log import ChampionLog
from airflow_mlkit.registry.freeze import FreezeEntry
from airflow_mlkit.registry.missing_version import missing_version, refuse_no_number
from airflow_mlkit.registry.model_registry import ModelRegistry
from airflow_mlkit.registry.version_facts import VersionFacts
from airflow_mlkit.rundir import RunDirectory
from airflow_mlkit.rundir.records import Record

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

REPORT_FILE = "gate_report.json"


class ModelSummary(Record):
    """One model with its champion, as `mlkit models` lists it. `freeze` keeps it from being promoted automatically."""

    model_name: str
    champion_version: str
    as_of: datetime | None
    metrics: dict[str, float | None]
    promoted_at: datetime
    promoted_by: str
    champions: int
    freeze: FreezeEntry | None = None


class VersionDetails(Record):
    """Everything that is known of a version.

    `status` is `champion`, `former champion` or `never champion`; `entries` its places in the champion log; `gates` the
    sentences of the gates that decided, oldest first, where its run directory is still there; `facts` all that it tells
    of itself.
    """

    model_name: str
    model_version: str
    status: str
    model_id: str
    as_of: datetime | None
    run_dir: str
    artifact: str
    metrics: dict[str, float | None]
    tags: dict[str, str]
    facts: VersionFacts
    entries: tuple[ChampionEntry, ...]
    gates: tuple[str, ...]


def list_models(project: Project) -> list[ModelSummary]:
    """Every model that has a champion log beside the project's, by name.

    Raises:
        RegistryError: when a log is damaged.
    """
    beside = ChampionLog(project.champions).root.parent
    names = sorted(path.name for path in beside.iterdir()) if beside.exists() else []
    logs = [ChampionLog(beside / name) for name in names]
    return [_summarize(head, log.freezes.active(datetime.now(UTC))) for log in logs if (head := log.head())]


def describe_version(project: Project, version: str | None = None) -> VersionDetails:
    """Everything that is known of a version; of the champion when none is named.

    Raises:
        UserError: when there is no such version.
        RegistryError: when the champion log is damaged, or MLflow refuses.
    """
    champions = ChampionLog(project.champions)
    entries = champions.entries()
    number = version or (entries[-1].model_version if entries else None)
    if number is None:
        raise UserError(f"There is no champion of {project.spec.name} yet.", hint="mlkit run trains the first one.")
    registry = ModelRegistry.of(project)
    found = find_version(registry, number)
    facts = registry.facts(found)
    own = tuple(entry for entry in entries if entry.model_version == number)
    newest = own[-1] if own else None
    status = "never champion" if newest is None else "champion" if newest.n == len(entries) else "former champion"
    run_dir = resolved(newest.run_dir, champions.uri) if newest else facts.run_dir or ""
    return VersionDetails(
        model_name=project.spec.name,
        model_version=number,
        status=status,
        model_id=facts.model_id or "",
        as_of=newest.as_of if newest else facts.as_of,
        run_dir=run_dir,
        artifact=str(found.source),
        metrics=newest.metrics if newest else facts.metrics,
        tags=dict(found.tags),
        facts=facts,
        entries=own,
        gates=_read_gates(run_dir, newest.gate_report if newest else None),
    )


def _summarize(head: ChampionEntry, freeze: FreezeEntry | None) -> ModelSummary:
    more = {"champion_version": head.model_version, "champions": head.n, "freeze": freeze}
    return ModelSummary.model_validate(head.model_dump() | more)


def find_version(registry: ModelRegistry, number: str) -> ModelVersion:
    """What MLflow knows of a version.

    Raises:
        UserError: when there is no such version.
        RegistryError: when MLflow refuses.
    """
    refuse_no_number(number)
    versions = {str(found.version): found for found in registry.versions()}
    if number not in versions:
        raise missing_version(registry.model_name, number, versions, registry.log)
    return versions[number]


def _read_gates(run_dir: str, report_hash: str | None) -> tuple[str, ...]:
    """The sentences of the gates that decided on a version; none where its run directory was cleaned away."""
    if not run_dir:
        return ()
    from airflow_mlkit.gates.report import GateReport

    for content in find_gate_reports(RunDirectory(run_dir)):
        if report_hash in (None, hashlib.sha256(content).hexdigest()):
            report = GateReport.model_validate_json(content)
            return tuple(f"{'passed' if result.passed else 'FAILED'}: {result.reason}" for result in report.results)
    return ()


def find_gate_reports(run: RunDirectory) -> Iterator[bytes]:
    """All gate reports of a run, newest first; one whose gate ran again, or compared again, has more than one.

    Also those of tries that were killed before they published: which one decided is known by its hash.
    """
    for step in (run.step("promote"), run.step("gate")):
        for path in sorted(step.root.glob(f"*/tries/*/{REPORT_FILE}"), key=_place_of, reverse=True):
            yield path.read_bytes()


def _place_of(report: UPath) -> tuple[int, ...]:
    """The generation and the try of a gate report."""
    return tuple(int(part) for part in report.parts if part.isdecimal())[-2:]
