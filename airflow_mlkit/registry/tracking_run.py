"""The tracking run of a challenger in MLflow: its params, metrics, tags and files."""

from __future__ import annotations

import json
import re
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from airflow_mlkit.registry.address import local_path
from airflow_mlkit.registry.challenger import Challenger
from airflow_mlkit.registry.kept_project import PROJECT_FOLDER
from airflow_mlkit.registry.version_facts import VERSION_FILE, VersionFacts

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, Run

MODEL_FOLDER = "model"

_VALUE_LENGTH = 6000
"""What MLflow keeps of the value of a param; a longer one is refused by it, and cut here."""

_NAME = re.compile(r"[^\w. :/-]", re.ASCII)


def log_tracking_run(client: MlflowClient, challenger: Challenger, facts: VersionFacts, artifacts: str | None) -> Run:
    """Write the challenger's tracking run; one that a killed process left unfinished is completed.

    Args:
        client: MLflow's.
        challenger: what is written.
        facts: what the version tells of itself.
        artifacts: where a new experiment keeps its files; None leaves it to the server.
    """
    experiment = _find_experiment(client, challenger.model_name, artifacts)
    run = _find_run(client, experiment, challenger) or client.create_run(
        experiment, run_name=challenger.run_id, tags=facts.to_tags()
    )
    run_id: str = run.info.run_id
    if run.info.status != "FINISHED":
        _log_values(client, run_id, challenger)
        client.log_artifacts(run_id, str(challenger.model), MODEL_FOLDER)
        client.log_text(run_id, facts.model_dump_json(indent=2), VERSION_FILE)
        if challenger.project:
            client.log_artifacts(run_id, str(challenger.project), PROJECT_FOLDER)
        for document in challenger.documents:
            client.log_artifact(run_id, str(document))
        client.set_terminated(run_id)
    return run


def _find_experiment(client: MlflowClient, name: str, artifacts: str | None) -> str:
    """The experiment of a model whose files lie where they should.

    MLflow never changes where an experiment keeps its files: after a project was copied or moved, the experiment of
    before still writes to the old place, and a new one is begun.
    """
    titles = chain([name], (f"{name} (moved {times})" for times in count(1)))
    experiments = (
        client.get_experiment_by_name(title) or _begin_experiment(client, title, artifacts) for title in titles
    )
    fitting = (
        found for found in experiments if artifacts is None or _place(found.artifact_location) == _place(artifacts)
    )
    return str(next(fitting).experiment_id)


def _begin_experiment(client: MlflowClient, title: str, artifacts: str | None) -> Experiment:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_experiment(client.create_experiment(title, artifact_location=artifacts))
    except MlflowException:
        # another process was first; what else it may be is raised below
        found = client.get_experiment_by_name(title)
        if found is None:
            raise
        return found


def _place(location: str) -> str:
    return local_path(location).rstrip("/")


def _find_run(client: MlflowClient, experiment: str, challenger: Challenger) -> Run | None:
    runs = client.search_runs([experiment], f"tags.`mlkit.model_id` = '{challenger.model_id}'")
    # a run id is people's text and has no place in a filter
    return next((run for run in runs if run.data.tags.get("mlkit.run_id") == challenger.run_id), None)


def _log_values(client: MlflowClient, run_id: str, challenger: Challenger) -> None:
    from mlflow.entities import Metric, Param

    params = [Param(_NAME.sub("_", name)[:250], _text(value)) for name, value in challenger.params.items()]
    metrics = [
        Metric(_NAME.sub("_", name), value, 0, 0) for name, value in challenger.metrics.items() if value is not None
    ]
    for start in range(0, len(params), 100):  # as many as MLflow takes at once
        client.log_batch(run_id, params=params[start : start + 100])
    client.log_batch(run_id, metrics=metrics)


def _text(value: Any) -> str:
    text: str = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text[:_VALUE_LENGTH]
