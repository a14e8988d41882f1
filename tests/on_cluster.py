"""What steps need that run as pods: a bucket, MLflow, a namespace, an image, and an Airflow that starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from upath import UPath

from airflow_mlkit.airflow.standalone import LocalAirflow
from tests.buckets import S3_KEYS, find_free_port, serve_bucket, wait_for
from tests.kubernetes import POOLS, Cluster, Namespace, Pod, describe_pod
from tests.pods_seen import PodsSeen, watch_pods
from tests.step_image import build_step_image
from tests.store_trouble import StoreTrouble
from tests.waiting import wait_until

TOLERATIONS = {
    "general": [],
    "high-memory": [{"key": "pool", "value": "high-memory", "effect": "NoSchedule"}],
    "gpu-l4": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
}
SIZES = {
    "tiny": {"cpu": 0.2, "memory": "150Mi", "grows_to": "small"},
    "small": {"cpu": 0.2, "memory": "600Mi", "grows_to": "large"},
    "large": {"cpu": 0.2, "memory": "1200Mi", "grows_to": "high-memory"},
    "high-memory": {"cpu": 0.2, "memory": "2Gi", "pool": "high-memory"},
    "gpu": {"cpu": 0.2, "memory": "1Gi", "gpu": 1, "pool": "gpu-l4"},
    "two-gpus": {"cpu": 0.2, "memory": "1Gi", "gpu": 2, "pool": "gpu-l4"},
    "anywhere": {"cpu": 0.2, "memory": "600Mi", "pool": "any"},
    "whole": {"cpu": 0.2, "memory": "600Mi", "whole_node": True},
    "little-disk": {"cpu": 0.2, "memory": "600Mi", "ephemeral_storage": "100Mi"},
    "a-minute": {"cpu": 0.2, "memory": "600Mi", "time_limit": "30s"},
}


@dataclass(frozen=True)
class PodPlatform:
    """An environment `cluster` whose steps are pods, for as long as a test needs it."""

    cluster: Cluster
    namespace: Namespace
    bucket: UPath
    mlflow: str
    keys: dict[str, str] = field(repr=False)
    store: StoreTrouble
    seen: PodsSeen

    def declare(self, image: str, /, **environment: Any) -> dict[str, Any]:
        """A platform.yaml with the sizes and pools of the test cluster."""
        place = {
            "backend": "kubernetes",
            "namespace": self.namespace.name,
            "images": image,
            "service_account": self.namespace.service_account,
            "env_from_secrets": ["runs"],
            "runs": f"s3://{self.bucket.path.strip('/')}/runs",
            "mlflow": self.mlflow,
            "node_wait": "30s",
            **environment,
        }
        pools = {name: {"node_selector": {"mlkit.dev/pool": name}, "tolerations": TOLERATIONS[name]} for name in POOLS}
        pools["any"] = {"tolerations": [each for of_one in TOLERATIONS.values() for each in of_one]}
        return {"sizes": SIZES, "default_size": "small", "pools": pools, "environments": {"cluster": place}}

    def install(self, project: Path, /, **environment: Any) -> str:
        """Build a project's image, and write its platform.yaml. Returns the image."""
        image = build_step_image(self.cluster, project)
        self.write(project, image, **environment)
        return image

    def write(self, project: Path, image: str, /, **environment: Any) -> None:
        """Write a project's platform.yaml; each task reads it as it is then."""
        (project / "platform.yaml").write_text(json.dumps(self.declare(image, **environment), indent=1))  # is YAML too

    @contextmanager
    def airflow(self, home: Path, dags: Path, **settings: str) -> Iterator[LocalAirflow]:
        """An Airflow that starts pods with the least rights there are."""
        connection = {"kube_config_path": str(self.namespace.kubeconfig), "namespace": self.namespace.name}
        environment = {
            "AIRFLOW_CONN_KUBERNETES_DEFAULT": json.dumps({"conn_type": "kubernetes", "extra": connection}),
            "AIRFLOW__MLKIT__ENVIRONMENT": "cluster",
            **self.keys,
            **settings,
        }
        with LocalAirflow(home, dags, extra_env=environment) as local:
            local.wait_healthy()
            yield local

    @contextmanager
    def volume(self, folder: Path) -> Iterator[dict[str, Any]]:
        """A claim of a folder of this machine, which all nodes share: what an environment says of it.

        Not a `hostPath`: that one does not get the pod's group.
        """
        folder.mkdir()
        name, size = f"{self.namespace.name}-runs", {"storage": "1Gi"}
        common = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
        terms = [{"matchExpressions": [{"key": "mlkit.dev/pool", "operator": "Exists"}]}]
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": name},
            "spec": {
                **common,
                "capacity": size,
                "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {"namespace": self.namespace.name, "name": "runs"},
                "local": {"path": str(folder)},
                "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
            },
        }
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "runs", "namespace": self.namespace.name},
            "spec": {**common, "volumeName": name, "resources": {"requests": size}},
        }
        for each in (volume, claim):
            self.cluster.kubectl("apply", "-f", "-", given=json.dumps(each))
        try:
            yield {"volume": {"claim": "runs", "path": str(folder)}, "runs": f"{folder}/runs"}
        finally:
            for each in (claim, volume):
                self.cluster.kubectl("delete", "--wait=false", "-f", "-", given=json.dumps(each))

    @contextmanager
    def occupied(self, pool: int) -> Iterator[None]:
        """A pod of higher priority takes all but a little of the node's cores, for a while."""
        node = self.cluster.node(pool)
        cores = float(self.cluster.get("node", node)["status"]["allocatable"]["cpu"])
        urgent = {"kind": "PriorityClass", "apiVersion": "scheduling.k8s.io/v1", "metadata": {"name": "urgent"}}
        self.cluster.kubectl("apply", "-f", "-", given=json.dumps({**urgent, "value": 1000}))
        self.cluster.create_pod(self.namespace, _urgent_pod(node, cores - 0.1))
        try:
            yield
        finally:
            self.cluster.kubectl("delete", "pod", "urgent", "-n", self.namespace.name, "--grace-period=0", "--force")
            self.cluster.kubectl("delete", "priorityclass", "urgent")

    @contextmanager
    def forbidden(self, words: str) -> Iterator[None]:
        """A policy of the cluster forbids all pods of the namespace, for a while, and says why."""
        kind = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": self.namespace.name}}
        pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
        rule = {
            "matchConstraints": {"resourceRules": [pods]},
            "validations": [{"expression": "false", "message": words}],
        }
        here = {"matchLabels": {"kubernetes.io/metadata.name": self.namespace.name}}
        bound = {
            "policyName": self.namespace.name,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": here},
        }
        policy = {**kind, "kind": "ValidatingAdmissionPolicy", "spec": rule}
        binding = {**kind, "kind": "ValidatingAdmissionPolicyBinding", "spec": bound}
        self.cluster.kubectl("apply", "-f", "-", given=json.dumps(policy))
        self.cluster.kubectl("apply", "-f", "-", given=json.dumps(binding))
        try:
            wait_until(lambda: not self._takes_pods(), 60)  # the API server reads its policies now and then
            yield
        finally:
            for each in (binding, policy):
                self.cluster.kubectl("delete", "-f", "-", given=json.dumps(each))
            wait_until(self._takes_pods, 60)

    def _takes_pods(self) -> bool:
        tried = ("create", "--dry-run=server", "--validate=false", "-n", self.namespace.name, "-f", "-")
        try:
            self.cluster.kubectl(*tried, given=json.dumps(describe_pod("tried", ["true"])))
        except AssertionError:
            return False
        return True

    def delete_pod(self, name: str) -> None:
        """As a person does it by hand."""
        self.cluster.kubectl("delete", "pod", name, "-n", self.namespace.name, "--wait=false")

    def pods(self) -> list[dict[str, Any]]:
        """The pods that are there now."""
        managed = ("-l", "app.kubernetes.io/managed-by=mlkit")
        found: list[dict[str, Any]] = self.cluster.get("pods", "-n", self.namespace.name, *managed)["items"]
        return found


def _urgent_pod(node: str, cores: float) -> Pod:
    return describe_pod(
        "urgent",
        ["python3", "-c", "import time; time.sleep(600)"],
        requests={"cpu": str(cores)},
        priorityClassName="urgent",
        nodeSelector={"kubernetes.io/hostname": node},
        tolerations=[{"operator": "Exists", "effect": "NoSchedule"}],
    )


@contextmanager
def serve_platform(cluster: Cluster, folder: Path, bucket: str) -> Iterator[PodPlatform]:
    """A bucket and an MLflow that the cluster's pods reach, and a namespace whose secret has the keys to them."""
    host, store = cluster.host_address, StoreTrouble()
    with (
        serve_bucket(bucket, around=store.around, host=host) as served,
        _serve_mlflow(host, folder / "mlflow") as mlflow,
        cluster.namespace() as namespace,
        watch_pods(cluster.kubeconfig, namespace.name) as seen,
    ):
        keys = {**S3_KEYS, "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"]}
        literals = [f"--from-literal={name}={value}" for name, value in keys.items()]
        cluster.kubectl("create", "secret", "generic", "runs", "-n", namespace.name, *literals)
        yield PodPlatform(cluster, namespace, served, mlflow, keys, store, seen)


@contextmanager
def _serve_mlflow(host: str, folder: Path) -> Iterator[str]:
    folder.mkdir(parents=True)
    port = find_free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]
    places = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", quote(str(folder))]
    with (folder / "server.log").open("wb") as log:
        # no workers for jobs, seven processes that a registry does not need
        allowed = {"MLFLOW_SERVER_ALLOWED_HOSTS": "*", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        server = subprocess.Popen([*command, *places], stdout=log, stderr=log, env=os.environ | allowed)
    try:
        wait_for(f"http://{host}:{port}/health", seconds=90)
        yield f"http://{host}:{port}"
    finally:
        server.terminate()
        server.wait(timeout=30)
