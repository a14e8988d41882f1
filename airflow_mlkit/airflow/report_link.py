"""The buttons *Report*, on tasks whose step has a page and on the one that asks a person, and *Pods*."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperatorLink

from airflow_mlkit.airflow.pages import pods_address, report_address
from airflow_mlkit.airflow.step_task import APPROVE

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey


WITH_PAGES = (
    "airflow_mlkit.airflow.operators.ReportingStepOperator",
    "airflow_mlkit.airflow.pod_operator.ReportingPodStepOperator",
    "airflow_mlkit.airflow.gke_operator.ReportingGkeStepOperator",
    "airflow_mlkit.airflow.approval.PromotionApprovalOperator",
)
"""The operators whose tasks have the button *Report*."""

WITH_PODS = (
    "airflow_mlkit.airflow.pod_operator.PodStepOperator",
    "airflow_mlkit.airflow.pod_operator.ReportingPodStepOperator",
    "airflow_mlkit.airflow.gke_operator.GkeStepOperator",
    "airflow_mlkit.airflow.gke_operator.ReportingGkeStepOperator",
)
"""Those whose tasks have the button *Pods*."""


def _stand_in(operator: str) -> type:
    """Airflow compares a class by its name and its module; the providers of the real ones may not be installed."""
    module, _, name = operator.rpartition(".")
    return type(name, (), {"__module__": module})


class ReportLink(BaseOperatorLink):
    """Leads to the page of a task's step.

    The plugin brings it, not the operators: so the API server makes the link itself whenever it shows the task. An
    operator's own link is an XCom, written when the task ends, and `approve` is read before; others can change it.
    """

    operators: ClassVar[list[Any]] = [_stand_in(operator) for operator in WITH_PAGES]

    @property
    def name(self) -> str:
        """The button's text."""
        return "Report"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """The address of the page; that of the gate for the question."""
        step = "gate" if ti_key.task_id == APPROVE else ti_key.task_id
        return report_address(ti_key.dag_id, ti_key.run_id, step)


class PodsLink(BaseOperatorLink):
    """Leads to the page of the pods that a task's step has had; the plugin brings it, as it brings `ReportLink`."""

    operators: ClassVar[list[Any]] = [_stand_in(operator) for operator in WITH_PODS]

    @property
    def name(self) -> str:
        """The button's text."""
        return "Pods"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """The address of the page."""
        return pods_address(ti_key.dag_id, ti_key.run_id, ti_key.task_id)
