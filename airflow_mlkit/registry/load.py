"""Loading a version of a model by its number, such as the champion's."""

from __future__ import annotations

import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from upath import UPath

from airflow_mlkit.exceptions import ModelError, RegistryError
from airflow_mlkit.project import Project
from airflow_mlkit.registry.address import local_path, resolved
from airflow_mlkit.registry.champion_log import ChampionLog
from airflow_mlkit.registry.mlflow_client import refusals_of
from airflow_mlkit.registry.model_registry import ModelRegistry
from airflow_mlkit.registry.tracking_run import MODEL_FOLDER

if TYPE_CHECKING:
    from airflow_mlkit.workflows.model import Model

_BUCKETS = ("s3://", "gs://", "gcs://")


def load_version(project: Project, version: str) -> Model:
    """Load a version of the project's model, ready to score.

    A champion's files are found through the champion log alone; MLflow is asked where only its server has them.

    Args:
        project: whose registered model is meant.
        version: the version's number in MLflow's registry, as `ChampionEntry.model_version` has it.

    Raises:
        RegistryError: when there is no such version, or its files cannot be fetched, or are not those of that version.
    """
    from airflow_mlkit.workflows.model import Model

    title = f"{project.spec.name} version {version}"
    model_id, artifact = _find(project, version)
    folder, scratch = _fetch(project, version, artifact)
    try:
        model = Model.load(folder)
    except ModelError as error:
        raise RegistryError(f"{title} cannot be loaded: {error.message}", hint=error.hint) from error
    if model.manifest.model_id != model_id:
        raise RegistryError(f"{title} is not the model that was registered: {folder} holds {model.manifest.model_id}.")
    if scratch:
        weakref.finalize(model, scratch.cleanup)
    return model


def _find(project: Project, version: str) -> tuple[str, str]:
    """The model id of a version and where its files lie; MLflow is asked only for one that was never champion."""
    champions = ChampionLog(project.champions)
    for entry in reversed(champions.entries()):
        if entry.model_version == version:
            return entry.model_id, resolved(entry.artifact, champions.uri)
    known = ModelRegistry.of(project).version(version)
    return known.tags.get("mlkit.model_id", ""), local_path(str(known.source))


def _fetch(project: Project, version: str, artifact: str) -> tuple[Path, tempfile.TemporaryDirectory[str] | None]:
    if Path(artifact).is_absolute():
        if not Path(artifact).is_dir():
            raise RegistryError(
                f"{project.spec.name} version {version} has lost its files: {artifact} is not there.",
                hint="Bring the folder back from a backup, or promote a new model.",
            )
        return Path(artifact), None
    scratch = tempfile.TemporaryDirectory(prefix="mlkit-model-")
    if artifact.startswith(_BUCKETS):
        return _download(UPath(artifact), Path(scratch.name)), scratch
    registry = ModelRegistry.of(project)
    run_id = registry.version(version).run_id
    with refusals_of(project.mlflow):
        return Path(registry.client.download_artifacts(run_id, MODEL_FOLDER, scratch.name)), scratch


def _download(source: UPath, target: Path) -> Path:
    try:
        source.fs.get(f"{source.path.rstrip('/')}/", f"{target}/", recursive=True)
    except OSError as error:
        raise RegistryError(f"{source} cannot be fetched: {error}.", hint="Is it there, and may it be read?") from error
    return target
