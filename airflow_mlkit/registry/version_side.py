"""One of two versions that are compared: everything that can still be told of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_mlkit.data.split_record import SplitRecord
from airflow_mlkit.exceptions import MLKitError, ModelError, UserError
from airflow_mlkit.gates.report import GateReport
from airflow_mlkit.project import SPEC_FILE, Project
from airflow_mlkit.registry.address import resolved
from airflow_mlkit.registry.catalogue import REPORT_FILE, find_version
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.kept_project import PROJECT_FOLDER
from airflow_mlkit.registry.model_registry import ModelRegistry
from airflow_mlkit.registry.tracking_run import MODEL_FOLDER
from airflow_mlkit.registry.version_facts import VersionFacts
from airflow_mlkit.rundir import RunDirectory
from airflow_mlkit.spec import load_spec
from airflow_mlkit.workflows.files import CODE_FOLDER
from airflow_mlkit.workflows.manifest import ModelManifest, load_manifest


@dataclass
class VersionSide:
    """What is left of a version; each part that was removed is None, and `gone` says so in a sentence.

    Attributes:
        spec: the declared keys by their dotted paths, with the run's parameters laid over them.
        code: the text of each file of the package that the model carries.
        snapshot: `snapshot.json`; `split` and `slices` come from the run directory as well.
        report: of its gates.
    """

    number: str
    facts: VersionFacts
    metrics: dict[str, float | None]
    spec: dict[str, Any] | None = None
    code: dict[str, str] | None = None
    manifest: ModelManifest | None = None
    snapshot: dict[str, Any] | None = None
    split: SplitRecord | None = None
    slices: dict[str, dict[str, Any]] | None = None
    report: GateReport | None = None
    gone: list[str] = field(default_factory=list)


def find_number(project: Project, name: str) -> str:
    """The number of a version that may be named by an alias: `champion` or `anchor`.

    Raises:
        UserError: when there is no champion yet.
        RegistryError: when the champion log is damaged.
    """
    if name not in ("champion", "anchor"):
        return name
    log = ModelRegistry.of(project).log
    entry = log.head() if name == "champion" else log.anchor()
    if entry is None:
        raise UserError(f"There is no champion of {project.spec.name} yet.", hint="mlkit run trains the first one.")
    return entry.model_version


def read_side(project: Project, number: str, folder: Path) -> VersionSide:
    """Everything that can still be told of a version.

    Args:
        project: whose version it is.
        number: in MLflow.
        folder: where what is kept beside the model is copied to.

    Raises:
        UserError: when there is no such version.
        RegistryError: when MLflow refuses or the champion log is damaged.
    """
    registry = ModelRegistry.of(project)
    version = find_version(registry, number)
    facts = registry.facts(version)
    entries = [entry for entry in registry.log.entries() if entry.model_version == number]
    side = VersionSide(number, facts, dict(entries[-1].metrics if entries else facts.metrics))
    folder.mkdir()
    _read_kept(side, registry.fetch(version, PROJECT_FOLDER, folder))
    _read_model(side, registry.fetch(version, MODEL_FOLDER, folder))
    content = registry.document(version, REPORT_FILE)
    side.report = GateReport.model_validate_json(content) if content else None
    _read_run(side, _run_of(project, entries, facts))
    return side


def _read_kept(side: VersionSide, kept: Path | None) -> None:
    if kept is None:
        side.gone.append(
            f"Version {side.number} was registered without its mlkit.yaml: what it declared cannot be told."
        )
        return
    declared = load_spec(kept / SPEC_FILE).model_dump(mode="json", by_alias=True)
    declared["train"]["params"] |= side.facts.parameters.params
    side.spec = dict(_flatten(declared))


def _flatten(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """Mappings by dotted paths; a list is one value, and an empty mapping none."""
    if not isinstance(value, dict):
        return [(path, value)]
    return [found for key, one in value.items() for found in _flatten(one, f"{path}.{key}" if path else str(key))]


def _read_model(side: VersionSide, model: Path | None) -> None:
    try:
        side.manifest = load_manifest(model) if model else None
    except ModelError:
        side.manifest = None
    if model is None or side.manifest is None:
        side.gone.append(f"The files of version {side.number} are gone or damaged: its code cannot be told any more.")
        return
    files = sorted(path for path in (model / CODE_FOLDER).rglob("*") if path.is_file())
    side.code = {path.relative_to(model / CODE_FOLDER).as_posix(): path.read_text("utf-8", "replace") for path in files}


def _run_of(project: Project, entries: list[ChampionEntry], facts: VersionFacts) -> RunDirectory | None:
    place = resolved(entries[-1].run_dir, project.champions) if entries else facts.run_dir
    return RunDirectory(place) if place else None


def _read_run(side: VersionSide, run: RunDirectory | None) -> None:
    try:
        if run is None or run.published("train").summary.get("model_id") != side.facts.model_id:
            raise UserError("")
        side.snapshot = json.loads(run.published("extract").file("snapshot.json").read_bytes())
        side.split = SplitRecord.load(run.published("split").file("split.json"))
        side.slices = json.loads(run.published("evaluate").file("metrics.json").read_bytes())["slices"]
    except MLKitError:
        side.gone.append(
            f"The run directory of version {side.number} was cleaned away or has run again: how many rows its snapshot "
            "had, of which dates, and its metrics in slices cannot be told any more."
        )
