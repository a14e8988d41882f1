"""The operators that run a step of a plan as a pod of a Kubernetes cluster."""

from __future__ import annotations

from typing import Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator

from airflow_mlkit.airflow.pod_task import PodStepTask
from airflow_mlkit.spec.environment import PodEnvironment


class PodStepOperator(PodStepTask, KubernetesPodOperator):
    """Runs `mlkit step` for one step of a project's plan, in a pod of the step's size.

    :param project: as of `PodStepTask`
    """

    @staticmethod
    def describe_cluster(place: PodEnvironment) -> dict[str, Any]:
        """Where the cluster is: Airflow's connection knows it."""
        return {"kubernetes_conn_id": place.connection}

    def build_trigger(self, **given: Any) -> Any:
        """The trigger that waits for a pod of this cluster."""
        # its imports take a tenth of a second, and parsing a Dag file defers nothing
        from airflow_mlkit.airflow.pod_trigger import KubernetesStepPodTrigger

        return KubernetesStepPodTrigger(connection=self.place.connection, **given)


class ReportingPodStepOperator(PodStepOperator):
    """Runs a step that makes a page for people.

    :param project: as of `PodStepTask`
    """
