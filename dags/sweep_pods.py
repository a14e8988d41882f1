"""A Dag of the platform's: every ten minutes it removes the pods of steps that no task waits for any more.

It looks after the environment that `[mlkit] environment` and `[mlkit] platform` of this Airflow name.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_mlkit.airflow.sweeper import SweepPodsOperator

with DAG(
    dag_id="mlkit-sweep-pods",
    description="Removes the pods of steps that no task waits for any more",
    schedule="*/10 * * * *",
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["mlkit", "platform"],
):
    SweepPodsOperator(task_id="sweep", retries=1, retry_delay=timedelta(minutes=1))
