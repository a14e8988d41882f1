"""Waits in the triggerer for a step's pod on Google Kubernetes Engine."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.providers.google.cloud.hooks.kubernetes_engine import GKEKubernetesAsyncHook

from airflow_mlkit.airflow.pod_trigger import StepPodTrigger


class GkeStepPodTrigger(StepPodTrigger):
    """Waits for a pod of a GKE cluster.

    :param connection: Airflow's connection to Google Cloud
    :param cluster_url: the cluster's address
    :param ssl_ca_cert: the certificate of who signs for it
    :param use_dns_endpoint: whether the address is a name that everybody trusts
    :param given: as of `StepPodTrigger`
    """

    def __init__(
        self, *, connection: str, cluster_url: str, ssl_ca_cert: str, use_dns_endpoint: bool, **given: Any
    ) -> None:
        super().__init__(**given)
        self.connection, self.cluster_url, self.ssl_ca_cert = connection, cluster_url, ssl_ca_cert
        self.use_dns_endpoint = use_dns_endpoint

    def describe_cluster(self) -> dict[str, Any]:
        """The further arguments of the constructor."""
        return {
            "connection": self.connection,
            "cluster_url": self.cluster_url,
            "ssl_ca_cert": self.ssl_ca_cert,
            "use_dns_endpoint": self.use_dns_endpoint,
        }

    @cached_property
    def hook(self) -> GKEKubernetesAsyncHook:
        """Of the connection; a new one has a new token."""
        return GKEKubernetesAsyncHook(
            cluster_url=self.cluster_url,
            ssl_ca_cert=self.ssl_ca_cert,
            use_dns_endpoint=self.use_dns_endpoint,
            gcp_conn_id=self.connection,
        )
