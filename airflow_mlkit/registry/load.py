"""Loading a version of a model, by its number or as the champion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_mlkit.project import Project

if TYPE_CHECKING:
    from airflow_mlkit.workflows.model import Model


def load_version(project: Project, version: str) -> Model:
    """Load a version of the project's model, ready to score.

    Args:
        project: whose registered model is meant.
        version: the version's number in MLflow's registry, as `ChampionEntry.model_version` has it.

    Raises:
        RegistryError: when there is no such version, or its files cannot be fetched.
    """
    raise NotImplementedError
