"""The methods by which Airflow's OpenLineage provider asks an operator what it read and wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_mlkit.airflow.run_place import find_run_directory
from airflow_mlkit.rundir import RunDirectory

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_mlkit.plan import DagPlan
    from airflow_mlkit.project import Project


class StepLineage:
    """Tells OpenLineage of a step once it has ended, from what it published.

    The provider calls the methods by their names, after the task and in a process of its own. Without the provider
    nobody does.
    """

    project: Project
    dag_plan: DagPlan
    task_id: str

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """What the step read and made; for a step that was held back, what it read."""
        return self._tell(task_instance, has_failed=False)

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """What the step read, as far as it came."""
        return self._tell(task_instance, has_failed=True)

    def _tell(self, task_instance: Any, *, has_failed: bool) -> OperatorLineage[Any, Any]:
        from airflow_mlkit.airflow.lineage.ended_step import EndedStep
        from airflow_mlkit.airflow.lineage.steps import tell

        is_retrain = self.dag_plan is self.project.plan.retrain
        run = RunDirectory(find_run_directory(self.project, task_instance.run_id, is_retrain=is_retrain))
        since = task_instance.start_date if has_failed else None
        return tell(EndedStep.find(self.project, run, self.task_id, failed_since=since))
