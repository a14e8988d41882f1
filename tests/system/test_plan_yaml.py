"""What `mlkit plan --yaml` prints is what Kubernetes takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kubernetes import Cluster
from tests.kubernetes_schemas import must_conform
from tests.on_cluster import TOLERATIONS
from tests.projects import build_project, default_spec

pytestmark = pytest.mark.needs("kubernetes")

SIZES = {
    "small": {"cpu": 0.2, "memory": "600Mi", "ephemeral_storage": "1Gi", "time_limit": "10m"},
    "gpu": {"cpu": 0.2, "memory": "1Gi", "gpu": 1, "whole_node": True, "pool": "gpu-l4"},
}
POOLS = {
    "general": {"node_selector": {"mlkit.dev/pool": "general"}},
    "gpu-l4": {"node_selector": {"mlkit.dev/pool": "gpu-l4"}, "tolerations": TOLERATIONS["gpu-l4"]},
}


def test_kubeconform_and_the_api_server_accept_each_pod(cluster: Cluster, tmp_path: Path) -> None:
    with cluster.namespace("plan") as namespace:
        place = {
            "backend": "kubernetes",
            "namespace": namespace.name,
            "images": "r.example.com/cards:1",
            "runs": "s3://ml/runs",
            "mlflow": "https://m.example.com",
            "env_from_secrets": ["keys"],
            "service_account": namespace.service_account,
        }
        platform = {"sizes": SIZES, "default_size": "small", "pools": POOLS, "environments": {"cluster": place}}
        spec = default_spec()
        spec["train"] = {**spec["train"], "sizes": {"train": "gpu"}}
        pods = _print_pods(build_project(tmp_path / "cards", spec=spec), platform)
        must_conform(cluster, tmp_path, pods)
        taken = cluster.kubectl("create", "--dry-run=server", "--validate=strict", "-f", "-", given=pods)
    assert len(taken.splitlines()) == pods.count("kind: Pod") == 8


def _print_pods(project: Path, platform: object) -> str:
    (project / "platform.yaml").write_text(json.dumps(platform))
    command = [sys.executable, "-m", "airflow_mlkit", "plan", "--backend", "kubernetes", "--yaml"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=True).stdout
