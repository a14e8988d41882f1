"""A project's Dags run to their end with `dag.test()`, with steps that do what the test says."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_mlkit.rundir import RunDirectory
from tests.projects import build_project, default_spec

DAG_FILE = "from airflow_mlkit.airflow import pipeline_dags\n\nglobals().update(pipeline_dags(__file__))\n"
LOCAL_BUNDLE = "airflow.dag_processing.bundles.local.LocalDagBundle"


class Played:
    """A Dag run that has ended."""

    def __init__(self, folder: Path, dag: Any, dag_run: Any) -> None:
        self.folder, self.dag, self.dag_run = folder, dag, dag_run
        self.state = str(dag_run.state)
        self.instances = {instance.task_id: instance for instance in dag_run.get_task_instances()}
        self.states = {name: str(instance.state) for name, instance in self.instances.items()}

    @property
    def run_directory(self) -> RunDirectory:
        """Where its steps met."""
        (root,) = (self.folder / ".mlkit" / "runs" / "cards").iterdir()
        return RunDirectory(root)


def stand_in(folder: Path) -> None:
    """Make the project's Python one whose steps do what behaviour.json says."""
    script = Path(__file__).with_name("stand_in.py")
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
    python.chmod(0o755)


def prepare(folder: Path, behaviour: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A small project whose steps behave as told. Returns its Dags."""
    from airflow_mlkit.airflow import pipeline_dags

    spec = {**default_spec(), "steps": {"python": "python"}, **changes}
    build_project(folder, rows=10, spec=spec)
    stand_in(folder)
    (folder / "dags").mkdir()
    (folder / "dags" / "cards.py").write_text(DAG_FILE)
    (folder / "behaviour.json").write_text(json.dumps(behaviour))
    dags = pipeline_dags(folder)
    for task in [task for dag in dags.values() for task in dag.tasks]:
        task.retry_delay = timedelta(0)
    return dags


def play(
    folder: Path, behaviour: dict[str, Any] | None = None, dag_id: str = "cards-retrain", **options: Any
) -> Played:
    """Run one Dag of such a project to its end."""
    changes = options.pop("changes", {})
    dag = prepare(folder, behaviour or {}, **changes)[dag_id]
    bundle = {"name": folder.name, "classpath": LOCAL_BUNDLE, "kwargs": {"path": str(folder / "dags")}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
        serialize(folder)
        return Played(folder, dag, dag.test(**options))


def serialize(folder: Path) -> None:
    """Write the project's Dags into the database, as the Dag processor does."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    try:
        from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    except ImportError:  # Airflow 3.1
        from airflow.models.dagbag import DagBag, sync_bag_to_db
    DagBundlesManager().sync_bundles_to_db()
    dags = folder / "dags"
    bag = DagBag(dags, bundle_path=dags)
    sync_bag_to_db(bag, folder.name, None)
