"""The state of a task, asked for over Airflow's own API: workers and triggerers have no database."""

from __future__ import annotations

from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

RUNNING = "running"
DEFERRED = "deferred"
REMOVED = "removed"
FINISHED = frozenset({"success", "failed", "skipped", "upstream_failed", REMOVED})


def find_task_state(dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> str:
    """The state of a task instance: `removed` where there is none, `none` for one that has no state yet.

    Args:
        dag_id: of its Dag, which may be deleted by now.
        run_id: of its run, which may be deleted too.
        task_id: its own.
        map_index: -1 for a task that is not mapped.
    """
    states = RuntimeTaskInstance.get_task_states(
        dag_id=dag_id, run_ids=[run_id], task_ids=[task_id], map_index=map_index
    )
    key = task_id if map_index < 0 else f"{task_id}_{map_index}"
    return str(states.get(run_id, {}).get(key, REMOVED) or "none")
