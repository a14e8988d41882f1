"""The operators that run a step of a plan as a pod of a Google Kubernetes Engine cluster, by the same rules."""

from __future__ import annotations

from typing import Any

from airflow.providers.google.cloud.operators.kubernetes_engine import GKEStartPodOperator

from airflow_mlkit.airflow.pod_task import PodStepTask
from airflow_mlkit.spec.environment import GkeEnvironment, PodEnvironment


class GkeStepOperator(PodStepTask, GKEStartPodOperator):
    """Runs `mlkit step` for one step of a project's plan, in a pod of the step's size on GKE.

    :param project: as of `PodStepTask`
    """

    @staticmethod
    def describe_cluster(place: PodEnvironment) -> dict[str, Any]:
        """Where the cluster is: Google Cloud is asked for its address."""
        assert isinstance(place, GkeEnvironment)
        return {
            "project_id": place.project,
            "location": place.location,
            "cluster_name": place.cluster,
            "gcp_conn_id": place.connection,
            "use_internal_ip": place.endpoint == "internal",
            "use_dns_endpoint": place.endpoint == "dns",
        }

    def build_trigger(self, **given: Any) -> Any:
        """The trigger that waits for a pod of this cluster."""
        from airflow_mlkit.airflow.gke_trigger import GkeStepPodTrigger

        url, certificate = self.cluster_info
        return GkeStepPodTrigger(
            connection=self.place.connection,
            cluster_url=url,
            ssl_ca_cert=certificate,
            use_dns_endpoint=self.use_dns_endpoint,
            **given,
        )


class ReportingGkeStepOperator(GkeStepOperator):
    """Runs a step that makes a page for people.

    :param project: as of `PodStepTask`
    """
