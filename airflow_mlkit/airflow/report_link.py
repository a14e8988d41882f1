"""The button *Report* on the tasks whose step has a page, and on the one that asks a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator, BaseOperatorLink

from airflow_mlkit.airflow.approval import PromotionApprovalOperator
from airflow_mlkit.airflow.operators import ReportingStepOperator
from airflow_mlkit.airflow.pages import report_address
from airflow_mlkit.airflow.step_task import APPROVE

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey


class ReportLink(BaseOperatorLink):
    """Leads to the page of a task's step.

    The plugin brings it, not the operators: so the API server makes the link itself whenever it shows the task. An
    operator's own link is an XCom, written when the task ends, and `approve` is read before; others can change it.
    """

    operators: ClassVar[list[type[BaseOperator]]] = [ReportingStepOperator, PromotionApprovalOperator]

    @property
    def name(self) -> str:
        """The button's text."""
        return "Report"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002
        """The address of the page; that of the gate for the question."""
        step = "gate" if ti_key.task_id == APPROVE else ti_key.task_id
        return report_address(ti_key.dag_id, ti_key.run_id, step)
