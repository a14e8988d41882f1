"""The test cluster itself: what the tests of Kubernetes stand on."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.kubernetes import POOLS, Cluster, Pod, describe_pod
from tests.step_image import build_step_image
from tests.waiting import wait_until

pytestmark = pytest.mark.needs("kubernetes")

_FOLDER = Path(__file__).parents[1] / "cluster"


def test_a_restricted_pod_runs_on_the_pool_that_it_names(cluster: Cluster) -> None:
    with cluster.namespace() as namespace:
        for pool in POOLS:
            cluster.create_pod(namespace, _describe_pod(pool, pool))
        cluster.wait_for_success(namespace)
        pods = cluster.get("pods", "-n", namespace.name)["items"]
        ran = {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in pods}
    assert ran == {pool: cluster.node(index) for index, pool in enumerate(POOLS)}


def test_a_killed_node_is_not_ready_and_comes_back(cluster: Cluster) -> None:
    node = cluster.node(1)
    cluster.kill_node(1)
    wait_until(lambda: _readiness(cluster, node) == "Unknown", 60)
    cluster.start_node(1)
    assert _readiness(cluster, node) == "True"


def test_a_killed_api_server_comes_back_with_what_it_knew(cluster: Cluster) -> None:
    with cluster.namespace() as namespace:
        cluster.kill_api_server()
        with pytest.raises(AssertionError, match="refused"):
            cluster.get("namespaces")
        cluster.start_api_server()
        assert cluster.get("namespace", namespace.name)["status"]["phase"] == "Active"


def test_the_launchers_account_launches_pods_and_reads_no_secret(cluster: Cluster) -> None:
    with cluster.namespace() as namespace:
        launcher = Cluster(namespace.kubeconfig)
        launcher.create_pod(namespace, _describe_pod("launched"))
        with pytest.raises(AssertionError, match="Forbidden"):
            launcher.get("secrets")
        with pytest.raises(AssertionError, match="violates PodSecurity"):
            launcher.create_pod(namespace, _describe_pod("root", user=0))


@pytest.mark.needs("uv")
def test_the_step_image_runs_with_nothing_to_write_on(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("from the project")
    script = "import airflow_mlkit, xgboost, pandas, s3fs, gcsfs; print(open('/project/note.txt').read())"
    with cluster.namespace() as namespace:
        image = build_step_image(cluster, tmp_path)
        cluster.create_pod(namespace, _describe_pod("step", "general", image=image, command=["python", "-c", script]))
        cluster.wait_for_success(namespace)
        assert cluster.kubectl("logs", "step", "-n", namespace.name) == "from the project\n"


def test_a_second_cluster_stands_beside_the_first_and_leaves_nothing_behind(cluster: Cluster, tmp_path: Path) -> None:
    """Also what `make cluster-up` and `make cluster-down` say when they are called twice."""
    if not cluster.is_ours:
        pytest.skip("the cluster that KUBECONFIG names stands alone")
    name = f"mk-{os.getpid() % 1_000_000}"
    work = tmp_path.parent / name
    second = {"MLKIT_K8S_NAME": name, "MLKIT_K8S_RUN": str(work), "KUBECONFIG": ""}
    try:
        started = _make("cluster-up", second)
        assert len(Cluster(work / "admin.kubeconfig").get("nodes")["items"]) == len(POOLS)
        again = _make("cluster-up", second)
    finally:
        ended = _make("cluster-down", second)
    assert "up after" in started
    assert f"{name} is up already" in again
    assert "down after" in ended
    assert _make("cluster-down", second).strip() == "nothing is up"
    assert _left_behind(name, work) == []
    assert len(cluster.get("nodes")["items"]) == len(POOLS)


def _describe_pod(name: str, pool: str | None = None, **described: Any) -> Pod:
    """A pod for a pool, or for any node; it says that it ran."""
    given = {"command": ["python3", "-c", "print('ran')"], **described}
    selected = {"nodeSelector": {"mlkit.dev/pool": pool}} if pool else {}
    return describe_pod(name, tolerations=[{"operator": "Exists", "effect": "NoSchedule"}], **selected, **given)


def _readiness(cluster: Cluster, node: str) -> str:
    conditions = cluster.get("node", node)["status"]["conditions"]
    return str(next(condition["status"] for condition in conditions if condition["type"] == "Ready"))


def _make(target: str, environment: dict[str, str]) -> str:
    command = ["make", "--no-print-directory", "-C", str(_FOLDER.parents[1]), target]
    ended = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def _left_behind(name: str, work: Path) -> list[str]:
    """Processes, mounts, network links, routes and cgroups that still name a cluster."""
    commands = [path for path in Path("/proc").glob("[0-9]*/cmdline") if str(work) in _read(path)]
    links = [path for path in Path("/sys/class/net").iterdir() if name in path.name]
    mounts = [line for line in _read(Path("/proc/mounts")).splitlines() if str(work) in line or name in line]
    return [*map(str, commands), *map(str, links), *mounts, *(str(path) for path in (work,) if path.exists())]


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # the process has ended meanwhile
        return ""
