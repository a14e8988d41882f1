"""The operators that run a step of a plan as a pod of a Google Kubernetes Engine cluster, by the same rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.providers.google.cloud.operators.kubernetes_engine import GKEStartPodOperator

from airflow_mlkit.airflow.pod_task import PodStepTask
from airflow_mlkit.airflow.settings import Settings
from airflow_mlkit.airflow.step_task import StepWithPages, say_reason
from airflow_mlkit.plan import DagPlan
from airflow_mlkit.pods.step_pod import find_pod_environment
from airflow_mlkit.project import Project
from airflow_mlkit.spec.environment import GkeEnvironment


class GkeStepOperator(PodStepTask, GKEStartPodOperator):
    """Runs `mlkit step` for one step of a project's plan, in a pod of the step's size on GKE.

    :param project: the project whose step it is
    :param dag_plan: the part of the project's plan that has a step named like the task
    :param settings: the `[mlkit]` options of this installation
    """

    ui_color = "#e6f1f4"
    template_fields: Sequence[str] = ()

    def __init__(self, *, project: Project, dag_plan: DagPlan, settings: Settings, **kwargs: Any) -> None:
        place = find_pod_environment(project)
        assert isinstance(place, GkeEnvironment)
        given = {"on_failure_callback": say_reason, "on_retry_callback": say_reason, **kwargs}
        super().__init__(
            project_id=place.project,
            location=place.location,
            cluster_name=place.cluster,
            gcp_conn_id=place.connection,
            use_internal_ip=place.endpoint == "internal",
            use_dns_endpoint=place.endpoint == "dns",
            namespace=place.namespace,
            do_xcom_push=False,
            **given,
        )
        self.project, self.dag_plan, self.settings, self.place = project, dag_plan, settings, place


class ReportingGkeStepOperator(StepWithPages, GkeStepOperator):
    """Runs a step that makes a page for people.

    :param project: as of `GkeStepOperator`
    """

    template_fields: Sequence[str] = ("runs",)
