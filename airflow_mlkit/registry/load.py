"""Loading a champion from its entry in the champion log."""

from __future__ import annotations

import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_mlkit.exceptions import ModelError, RegistryError
from airflow_mlkit.project import Project
from airflow_mlkit.registry.address import resolved
from airflow_mlkit.registry.artifacts import can_reach, copy_out
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.champion_log import ChampionLog
from airflow_mlkit.registry.mlflow_client import refusals_of
from airflow_mlkit.registry.model_registry import ModelRegistry
from airflow_mlkit.registry.tracking_run import MODEL_FOLDER

if TYPE_CHECKING:
    from airflow_mlkit.workflows.model import Model

_RESTORE = "Bring the folder back from a backup, or promote a new model."


def load_champion(project: Project, champion: ChampionEntry) -> Model:
    """Load a champion, ready to score.

    Its files are found through its entry in the champion log alone, and must be those that became the champion, before
    anything of them is imported. MLflow is asked only where its server has them.

    Args:
        project: whose champion it is.
        champion: its entry in the project's champion log.

    Raises:
        RegistryError: when its files cannot be fetched, or are not those that were promoted.
    """
    from airflow_mlkit.workflows.model import Model

    folder, scratch = fetch_model(project, champion)
    try:
        model = Model.load(folder, model_id=champion.model_id)
    except ModelError as error:
        raise RegistryError(f"{champion.title} cannot be loaded: {error.message}", hint=error.hint) from error
    if scratch:
        weakref.finalize(model, scratch.cleanup)
    return model


def fetch_model(project: Project, champion: ChampionEntry) -> tuple[Path, tempfile.TemporaryDirectory[str] | None]:
    """The folder with a champion's files, on this machine; they are not looked at.

    Returns:
        The folder, and what it was fetched into from elsewhere, which removes itself when it is let go.

    Raises:
        RegistryError: when the files are gone or cannot be fetched.
    """
    artifact = resolved(champion.artifact, ChampionLog(project.champions).uri)
    if Path(artifact).is_absolute():
        if not Path(artifact).is_dir():
            raise RegistryError(
                f"{champion.title} has lost its files: {artifact} is not there.",
                hint=_RESTORE,
            )
        return Path(artifact), None
    scratch = tempfile.TemporaryDirectory(prefix="mlkit-model-")
    if can_reach(artifact):
        place, _, name = artifact.rstrip("/").rpartition("/")
        found = copy_out(place, name, Path(scratch.name))
        if found is None:
            raise RegistryError(f"{champion.title} has lost its files: {artifact} is not there.", hint=_RESTORE)
        return found, scratch
    registry = ModelRegistry.of(project)
    run_id = registry.version(champion.model_version).run_id
    with refusals_of(project.mlflow):
        return Path(registry.client.download_artifacts(run_id, MODEL_FOLDER, scratch.name)), scratch
