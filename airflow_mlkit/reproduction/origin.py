"""What a version was made from, as its registry, its champion log and its own files tell it."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from airflow_mlkit.exceptions import ModelError, RegistryError, RunDirectoryError, UserError
from airflow_mlkit.project import SPEC_FILE, Project, hash_spec
from airflow_mlkit.registry.address import resolved
from airflow_mlkit.registry.catalogue import find_version
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.kept_project import PROJECT_FOLDER
from airflow_mlkit.registry.load import fetch_model
from airflow_mlkit.registry.model_registry import ModelRegistry
from airflow_mlkit.registry.recall import recall_entry
from airflow_mlkit.registry.version_facts import VersionFacts
from airflow_mlkit.rundir import RunDirectory
from airflow_mlkit.spec import PipelineSpec, load_spec
from airflow_mlkit.workflows.files import check_files
from airflow_mlkit.workflows.manifest import ModelManifest, load_manifest


@dataclass(frozen=True)
class Origin:
    """One version.

    Attributes:
        entry: its newest entry in the champion log; for a version that was never champion what one would say.
        model: the folder with its files, which are those of its id.
        kept: the folder with mlkit.yaml as it was, and the files that it names.
        run: the run that made it, which may have been cleaned away.
    """

    entry: ChampionEntry
    facts: VersionFacts
    model: Path
    manifest: ModelManifest
    kept: Path
    spec: PipelineSpec
    run: RunDirectory
    scratch: tempfile.TemporaryDirectory[str] | None = None
    """Where the model was fetched to from a server; it lives as long as this."""


def find_origin(project: Project, version: str, folder: Path) -> Origin:
    """Everything that a version can be made again from.

    Args:
        project: whose version it is.
        version: its number in MLflow.
        folder: where what was kept with it is fetched to.

    Raises:
        UserError: when there is no such version, or it was not trained by the kit.
        RegistryError: when its files are gone, or are not what was registered.
    """
    registry = ModelRegistry.of(project)
    found = find_version(registry, version)
    facts = registry.facts(found)
    if facts.adopted_from:
        raise UserError(
            f"{registry.model_name} version {version} was adopted from {facts.adopted_from}: nobody wrote down how it "
            "was trained.",
            hint="What there is: mlkit models show.",
        )
    known = [entry for entry in registry.log.entries() if entry.model_version == version]
    entry = known[-1] if known and facts.model_id else recall_entry(registry, found)
    model, scratch = fetch_model(project, entry)
    manifest = _read_checked(model, entry)
    run = RunDirectory(resolved(entry.run_dir, project.champions))
    kept = folder / PROJECT_FOLDER
    if not registry.fetch(found, PROJECT_FOLDER, folder) and not _fetch_from_run(run, entry, kept):
        raise UserError(
            f"{entry.title} was registered by an older mlkit, which did not keep its mlkit.yaml.",
            hint="What there is: mlkit models show. Versions that are made from now on can be made again.",
        )
    spec = load_spec(kept / SPEC_FILE)
    if hash_spec(spec) != entry.spec_hash:
        raise RegistryError(
            f"The mlkit.yaml that is kept with {entry.title} was changed: its hash is {hash_spec(spec)[:12]} and "
            f"should be {entry.spec_hash[:12]}.",
            hint=f"It lies in {PROJECT_FOLDER}/ of the version's run in MLflow: bring it back from a backup.",
        )
    return Origin(entry, facts, model, manifest, kept, spec, run, scratch)


def _read_checked(model: Path, entry: ChampionEntry) -> ModelManifest:
    try:
        manifest = load_manifest(model)
        check_files(model, manifest, entry.model_id)
    except ModelError as error:
        raise RegistryError(f"{entry.title} is not what was registered: {error.message}", hint=error.hint) from error
    return manifest


def _fetch_from_run(run: RunDirectory, entry: ChampionEntry, target: Path) -> bool:
    """Take what train kept, where the run is still there and its model is this one."""
    try:
        train = run.published("train")
        if train.summary.get("model_id") != entry.model_id:
            return False
        shutil.copytree(train.folder(PROJECT_FOLDER), target)
    except RunDirectoryError:
        return False
    return True
