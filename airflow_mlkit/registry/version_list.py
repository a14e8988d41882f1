"""Every version of a project's model: what can be promoted, and what can be rolled back to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_mlkit.exceptions import RegistryError
from airflow_mlkit.project import Project
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.model_registry import ModelRegistry
from airflow_mlkit.registry.version_facts import VersionFacts
from airflow_mlkit.rundir.records import Record

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

DELETED = "deleted in MLflow"


class VersionSummary(Record):
    """One version in a few words.

    Attributes:
        registered: when; None for a version that is not in MLflow any more.
        standing: `champion`, `anchor`, `former champion`, `held back`, `never champion`, `not made by mlkit`,
            `deleted in MLflow`; more than one where more than one is true.
        trouble: what of it could not be read.
    """

    model_version: str
    model_id: str
    registered: datetime | None
    run_id: str
    metrics: dict[str, float | None]
    standing: tuple[str, ...]
    trouble: str = ""


def list_versions(project: Project) -> list[VersionSummary]:
    """Every version that MLflow has or the champion log names, newest first.

    Raises:
        RegistryError: when the champion log is damaged, or MLflow refuses.
    """
    registry = ModelRegistry.of(project)
    entries = registry.log.entries()
    versions = {str(version.version): version for version in registry.versions()}
    newest = {entry.model_version: entry for entry in entries}
    numbers = sorted({*versions, *newest}, key=int, reverse=True)
    return [
        _summarize(registry, number, versions.get(number), newest.get(number), tuple(_rank(number, entries)))
        for number in numbers
    ]


def _rank(number: str, entries: Sequence[ChampionEntry]) -> Iterator[str]:
    """What the champion log says of a version."""
    if not entries or number not in {entry.model_version for entry in entries}:
        return
    head = entries[-1]
    yield "champion" if number == head.model_version else "former champion"
    if number == entries[head.anchor_number - 1].model_version:
        yield "anchor"


def _summarize(
    registry: ModelRegistry,
    number: str,
    version: ModelVersion | None,
    entry: ChampionEntry | None,
    rank: tuple[str, ...],
) -> VersionSummary:
    if version is None or entry is not None:
        known = {"model_id": entry.model_id, "run_id": entry.run_id, "metrics": entry.metrics} if entry else {}
        standing = rank if version else (*rank, DELETED)
        return VersionSummary.model_validate(
            known | {"model_version": number, "registered": _registered(version), "standing": standing}
        )
    facts, trouble = _read_facts(registry, version)
    return VersionSummary(
        model_version=number,
        model_id=facts.model_id or "",
        registered=_registered(version),
        run_id=facts.run_id or "",
        metrics=facts.metrics,
        standing=(_describe(facts),),
        trouble=trouble,
    )


def _read_facts(registry: ModelRegistry, version: ModelVersion) -> tuple[VersionFacts, str]:
    """What a version tells of itself; one whose file is damaged is listed all the same."""
    try:
        return registry.facts(version), ""
    except RegistryError as error:
        return VersionFacts.from_tags(version.tags), error.message


def _describe(facts: VersionFacts) -> str:
    if not facts.model_id:
        return "not made by mlkit"
    return "never champion" if facts.gate_decision in (None, "promote") else "held back"


def _registered(version: ModelVersion | None) -> datetime | None:
    return datetime.fromtimestamp(int(version.creation_timestamp) / 1000, UTC) if version else None
