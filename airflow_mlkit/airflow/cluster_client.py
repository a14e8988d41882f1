"""The way to a cluster without an operator: the provider's own hooks, and the client that they make."""

from __future__ import annotations

from kubernetes.client import CoreV1Api

from airflow_mlkit.spec.environment import GkeEnvironment, KubernetesEnvironment, PodEnvironment


def connect_to(place: PodEnvironment, connection: str | None = None) -> CoreV1Api:
    """A client of an environment's cluster, with credentials that are valid now.

    Args:
        place: the environment.
        connection: another connection of Airflow than the environment's own.
    """
    if isinstance(place, KubernetesEnvironment):
        from airflow.providers.cncf.kubernetes.hooks.kubernetes import KubernetesHook

        client: CoreV1Api = KubernetesHook(conn_id=connection or place.connection).core_v1_client
        return client
    return _connect_to_gke(place, connection or place.connection)


def _connect_to_gke(place: GkeEnvironment, connection: str) -> CoreV1Api:
    # Google's provider takes a second to import, and only who is there has it
    from airflow.providers.google.cloud.hooks.kubernetes_engine import GKEHook, GKEKubernetesHook
    from airflow.providers.google.cloud.operators.kubernetes_engine import GKEClusterAuthDetails

    is_dns = place.endpoint == "dns"
    url, certificate = GKEClusterAuthDetails(
        cluster_name=place.cluster,
        project_id=place.project,
        use_internal_ip=place.endpoint == "internal",
        use_dns_endpoint=is_dns,
        cluster_hook=GKEHook(gcp_conn_id=connection, location=place.location),
    ).fetch_cluster_info()
    hook = GKEKubernetesHook(gcp_conn_id=connection, cluster_url=url, ssl_ca_cert=certificate, use_dns_endpoint=is_dns)
    client: CoreV1Api = hook.core_v1_client
    return client
