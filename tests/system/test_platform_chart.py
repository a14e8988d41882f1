"""The chart mlkit-platform on a real cluster: what it makes, what that stops, and what is left when it goes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from airflow_mlkit.plan.build import plan_sizes
from airflow_mlkit.plan.pod import build_pod
from airflow_mlkit.spec import load_platform
from tests.helm import PLATFORM, dump, helm
from tests.kubernetes import Cluster
from tests.kubernetes_schemas import must_conform
from tests.platform_release import Release, allowed, eventually, installed, refusal

pytestmark = [pytest.mark.needs("kubernetes"), pytest.mark.timeout(300)]

LOOK_AROUND = "import os; print(os.getuid(), os.path.exists('/var/run/secrets/kubernetes.io'))"
KEPT = {"Namespace", "PersistentVolumeClaim"}
KUBERNETES_OWN = {("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")}


@pytest.fixture(scope="module")
def release(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    with installed(cluster, tmp_path_factory.mktemp("release")) as made:
        yield made


@pytest.fixture
def release_of_its_own(cluster: Cluster, tmp_path: Path) -> Iterator[Release]:
    """One that a test may change."""
    with installed(cluster, tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def airflow(release: Release) -> client.CoreV1Api:
    return client.CoreV1Api(release.act_as("mlkit-airflow"))


def pod_of(release: Release, *, name: str = "step", size: str = "small", **changes: Any) -> dict[str, Any]:
    """A pod as the kit makes it, by the platform.yaml that Airflow mounts."""
    declared = release.cluster.get("configmap", "mlkit-platform", "-n", release.airflow)["data"]["platform.yaml"]
    path = release.folder / "platform.yaml"
    path.write_text(declared)
    platform = load_platform(path)
    pod = build_pod(
        platform.environments["plain"],  # type: ignore[arg-type]
        plan_sizes(platform, size)[0],
        name=name,
        image="localhost/python:bookworm",
        command=["python3", "-c", LOOK_AROUND],
        labels={"project": "churn"},
        environment={},
    )
    pod["spec"] |= changes
    return pod


def rendered(release: Release, values: str | None = None) -> str:
    """What is installed, or what would be of other values."""
    arguments = ("template", release.name, PLATFORM, "--namespace", release.airflow, "--values", "-")
    return helm(*arguments, stdin=values or dump(release.values())).stdout


def all_objects(cluster: Cluster, namespace: str) -> set[tuple[str, str]]:
    """What lies in a namespace, by kind and name, but for events and what Kubernetes itself puts there."""
    listed = cluster.kubectl("api-resources", "--verbs=list", "--namespaced", "-o", "name").split()
    kinds = ",".join(kind for kind in listed if not kind.startswith("events"))
    found = cluster.get(kinds, "-n", namespace)["items"]
    return {(each["kind"], each["metadata"]["name"]) for each in found} - KUBERNETES_OWN


@pytest.mark.parametrize("example", [None, "gke.yaml", "any-cluster.yaml", "mlflow.yaml"])
def test_it_fits_the_schemas_of_this_kubernetes(release: Release, tmp_path: Path, example: str | None) -> None:
    text = (PLATFORM / "examples" / example).read_text() if example else None
    must_conform(release.cluster, tmp_path, text if example == "mlflow.yaml" else rendered(release, text))


def test_the_cluster_would_take_it_again_as_it_is(release: Release) -> None:
    said = release.cluster.kubectl(
        "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-", given=rendered(release)
    )
    assert len(said.splitlines()) == rendered(release).count("\nkind: ")


def test_a_pod_of_the_kit_runs_where_and_as_the_platform_says(release: Release, airflow: client.CoreV1Api) -> None:
    namespace = release.steps()
    airflow.create_namespaced_pod(namespace, pod_of(release))

    def ended() -> client.V1Pod:
        pod = airflow.read_namespaced_pod("step", namespace)
        assert pod.status.phase == "Succeeded", pod.status
        return pod

    spec = eventually(ended, seconds=60).spec
    said = airflow.read_namespaced_pod_log("step", namespace, _preload_content=False).data
    assert said == b"1000 False\n"
    assert (spec.service_account_name, spec.priority) == ("mlkit-steps", -5)


def test_more_than_the_quota_is_refused_until_an_upgrade_raises_it(release_of_its_own: Release) -> None:
    release = release_of_its_own
    airflow, pod = client.CoreV1Api(release.act_as("mlkit-airflow")), pod_of(release, size="wide")

    def start() -> Any:
        return airflow.create_namespaced_pod(release.steps(), pod, dry_run="All")

    def refused() -> None:
        assert "exceeded quota: mlkit, requested: requests.cpu=3, used: requests.cpu=0, limited: requests.cpu=2" in (
            refusal(start)
        )

    eventually(refused)
    raised = release.values()
    raised["environments"]["plain"]["quota"]["requests.cpu"] = 4
    release.install(raised)
    eventually(lambda: allowed(start))


def test_who_asks_for_less_memory_than_it_may_use_is_refused(release: Release, airflow: client.CoreV1Api) -> None:
    pod = pod_of(release, name="greedy")
    pod["spec"]["containers"][0]["resources"]["limits"]["memory"] = "1Gi"
    said = refusal(lambda: airflow.create_namespaced_pod(release.steps(), pod, dry_run="All"))
    assert "memory max limit to request ratio per Container is 1" in said


def test_who_asks_for_nothing_gets_a_little(release: Release, airflow: client.CoreV1Api) -> None:
    pod = pod_of(release, name="modest")
    del pod["spec"]["containers"][0]["resources"]
    made = airflow.create_namespaced_pod(release.steps(), pod, dry_run="All")
    assert made.spec.containers[0].resources.requests == {"cpu": "500m", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hostNetwork": True}, "host namespaces"),
        ({"securityContext": {"runAsUser": 0, "seccompProfile": {"type": "RuntimeDefault"}}}, "runAsUser=0"),
        ({"volumes": [{"name": "tmp", "hostPath": {"path": "/"}}]}, "restricted volume types"),
    ],
    ids=["the node's network", "root", "a folder of the node"],
)
def test_what_breaks_out_of_a_pod_is_refused(
    release: Release, airflow: client.CoreV1Api, changes: dict[str, Any], said: str
) -> None:
    pod = pod_of(release, name="hostile", **changes)
    refused = refusal(lambda: airflow.create_namespaced_pod(release.steps(), pod, dry_run="All"))
    assert 'violates PodSecurity "restricted' in refused
    assert said in refused


def test_an_environment_that_is_taken_out_loses_its_rights_and_keeps_its_runs(release_of_its_own: Release) -> None:
    release, cluster = release_of_its_own, release_of_its_own.cluster
    assert ("Role", "mlkit-launcher") in all_objects(cluster, release.steps("prod"))
    release.install(release.values("plain"))
    assert all_objects(cluster, release.steps("prod")) == {("PersistentVolumeClaim", "mlkit-runs")}
    assert ("Role", "mlkit-launcher") in all_objects(cluster, release.steps("plain"))


def test_what_is_left_when_it_goes_are_namespaces_and_runs_and_it_takes_them_over_again(
    release_of_its_own: Release,
) -> None:
    release, cluster = release_of_its_own, release_of_its_own.cluster
    claim = cluster.get("pvc", "mlkit-runs", "-n", release.steps("prod"))["metadata"]["uid"]
    release.remove()
    assert all_objects(cluster, release.airflow) == set()
    assert all_objects(cluster, release.steps("plain")) == set()
    assert all_objects(cluster, release.steps("prod")) == {("PersistentVolumeClaim", "mlkit-runs")}
    assert release.name not in cluster.kubectl("get", "priorityclasses", "-o", "name")
    release.install()
    assert cluster.get("pvc", "mlkit-runs", "-n", release.steps("prod"))["metadata"]["uid"] == claim
    assert ("Role", "mlkit-launcher") in all_objects(cluster, release.steps("prod"))
