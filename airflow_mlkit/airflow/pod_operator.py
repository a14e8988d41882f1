"""The operators that run a step of a plan as a pod of a Kubernetes cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator

from airflow_mlkit.airflow.pod_task import PodStepTask
from airflow_mlkit.airflow.settings import Settings
from airflow_mlkit.airflow.step_task import StepWithPages, say_reason
from airflow_mlkit.plan import DagPlan
from airflow_mlkit.pods.step_pod import find_pod_environment
from airflow_mlkit.project import Project


class PodStepOperator(PodStepTask, KubernetesPodOperator):
    """Runs `mlkit step` for one step of a project's plan, in a pod of the step's size.

    :param project: the project whose step it is
    :param dag_plan: the part of the project's plan that has a step named like the task
    :param settings: the `[mlkit]` options of this installation
    """

    ui_color = "#e6f1f4"
    template_fields: Sequence[str] = ()

    def __init__(self, *, project: Project, dag_plan: DagPlan, settings: Settings, **kwargs: Any) -> None:
        place = find_pod_environment(project)
        given = {"on_failure_callback": say_reason, "on_retry_callback": say_reason, **kwargs}
        super().__init__(kubernetes_conn_id=place.connection, namespace=place.namespace, do_xcom_push=False, **given)
        self.project, self.dag_plan, self.settings, self.place = project, dag_plan, settings, place


class ReportingPodStepOperator(StepWithPages, PodStepOperator):
    """Runs a step that makes a page for people.

    :param project: as of `PodStepOperator`
    """

    template_fields: Sequence[str] = ("runs",)
