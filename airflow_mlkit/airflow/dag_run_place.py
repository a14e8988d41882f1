"""From a Dag run to its run directory, in a process that has Airflow's database and no project."""

from __future__ import annotations

from airflow.models.dag_version import DagVersion
from airflow.models.taskinstance import TaskInstance
from sqlalchemy import select
from sqlalchemy.orm import Session

from airflow_mlkit.airflow.run_place import run_directory_under


def find_dag_run_place(dag_id: str, run_id: str, step: str, session: Session) -> str | None:
    """The run directory of a Dag run: the task's `runs`, from the version of the Dag with which the task ran.

    That is what the Dag processor has written. Nobody can change it over the API, as an XCom can be.

    Returns:
        Its URI; None where there is no such task, or it is none of the kit's.
    """
    of_the_task = select(DagVersion).join(TaskInstance, TaskInstance.dag_version_id == DagVersion.id)
    version = session.scalar(
        of_the_task.where(
            TaskInstance.dag_id == dag_id,
            TaskInstance.run_id == run_id,
            TaskInstance.task_id == step,
            TaskInstance.map_index == -1,
        )
    )
    dag = version.serialized_dag.dag if version and version.serialized_dag else None
    task = dag.get_task(step) if dag and dag.has_task(step) else None
    runs = getattr(task, "runs", None)
    return run_directory_under(runs, run_id) if isinstance(runs, str) else None
