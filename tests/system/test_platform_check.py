"""`mlkit platform check` asks a real Kubernetes, as an administrator and as people with fewer rights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.buckets import S3_KEYS
from tests.kubernetes import POOLS, Cluster, Namespace
from tests.on_cluster import TOLERATIONS

pytestmark = pytest.mark.needs("kubernetes")

SIZES = {
    "small": {"cpu": 0.2, "memory": "600Mi", "grows_to": "large"},
    "large": {"cpu": 0.2, "memory": "1200Mi", "grows_to": "high-memory"},
    "high-memory": {"cpu": 0.2, "memory": "2Gi", "pool": "high-memory"},
    "huge": {"cpu": 900, "memory": "2Gi", "pool": "high-memory"},
    "gpu": {"cpu": 0.2, "memory": "1Gi", "gpu": 1, "pool": "gpu-l4"},
    "two-gpus": {"cpu": 0.2, "memory": "1Gi", "gpu": 2, "pool": "gpu-l4"},
}
POOL_RULES = {name: {"node_selector": {"mlkit.dev/pool": name}, "tolerations": TOLERATIONS[name]} for name in POOLS}

CLAIM = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: runs}
spec: {accessModes: [ReadWriteMany], resources: {requests: {storage: 1Mi}}, storageClassName: nobody-makes-these}
"""

QUOTA = """\
apiVersion: v1
kind: ResourceQuota
metadata: {name: team}
spec: {hard: {requests.memory: 1Gi, limits.memory: 1Gi}}
"""


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[Namespace]:
    with cluster.namespace("check") as made:
        yield made


class Checked:
    """What `mlkit platform check` said."""

    def __init__(self, ended: subprocess.CompletedProcess[str]) -> None:
        assert "Traceback" not in ended.stderr, ended.stderr
        self.exit_code, self.error = ended.returncode, ended.stderr
        told = json.loads(ended.stdout) if ended.stdout else {"environments": [{}], "airflow": None}
        self.outlook: dict[str, Any] = told["environments"][0]
        self.airflow: list[str] | None = told["airflow"]
        self.sizes = {size["name"]: size for size in self.outlook.get("sizes", [])}

    def say(self, about: str) -> tuple[str, str]:
        """The level of what was found about something, and its words."""
        found = next(each for each in self.outlook["findings"] if each["about"] == about)
        return found["level"], found["said"]

    def levels(self, size: str) -> list[str]:
        return [each["level"] for each in self.sizes[size]["findings"]]


def check(folder: Path, kubeconfig: Path | None, *options: str, **environment: Any) -> Checked:
    """Ask for sizes that the test cluster holds, and some that it does not, in an environment of these values."""
    place = {"backend": "kubernetes", "runs": "s3://nowhere/runs", "mlflow": "http://127.0.0.1:9", **environment}
    pools = {**POOL_RULES, **environment.pop("pools", {})}
    place.pop("pools", None)
    declared = {"sizes": SIZES, "default_size": "small", "pools": pools, "environments": {"cluster": place}}
    with (folder / "platform.yaml").open("w") as file:
        YAML().dump(declared, file)
    given = ["--kubeconfig", str(kubeconfig)] if kubeconfig else []
    command = [sys.executable, "-m", "airflow_mlkit", "platform", "check", "--json", *given, *options]
    here = {**_without_airflow(folder), **S3_KEYS, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    return Checked(subprocess.run(command, cwd=folder, env=here, capture_output=True, text=True, check=False))


def _without_airflow(folder: Path) -> dict[str, str]:
    """A machine on which no Airflow is configured but by what a test says."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__CORE")}
    return {**inherited, "AIRFLOW_HOME": str(folder / "no-airflow")}


def test_each_size_is_told_what_it_would_meet_and_nothing_is_started(
    cluster: Cluster, namespace: Namespace, tmp_path: Path
) -> None:
    found = check(tmp_path, cluster.kubeconfig, namespace=namespace.name)
    assert {name: (size["nodes"], size["admission"]) for name, size in found.sizes.items()} == {
        "small": ("1 of 1", "accepted"),
        "large": ("1 of 1", "accepted"),
        "high-memory": ("1 of 1", "accepted"),
        "gpu": ("1 of 1", "accepted"),
        "two-gpus": ("0 of 1", "accepted"),
        "huge": ("0 of 1", "accepted"),
    }
    assert found.exit_code == 0
    assert "2 nvidia.com/gpu (the most is 1)" in found.sizes["two-gpus"]["findings"][0]["said"]
    assert "900 cores" in found.sizes["huge"]["findings"][0]["said"]
    assert cluster.get("pods", "-n", namespace.name)["items"] == []


def test_a_missing_toleration_is_a_problem_and_a_pool_without_nodes_a_warning(
    cluster: Cluster, namespace: Namespace, tmp_path: Path
) -> None:
    pools = {
        "high-memory": {"node_selector": {"mlkit.dev/pool": "high-memory"}},
        "general": {"node_selector": {"a": "b"}},
    }
    found = check(tmp_path, cluster.kubeconfig, namespace=namespace.name, pools=pools)
    assert found.exit_code == 2
    assert found.levels("high-memory") == ["problem"]
    assert "pool=high-memory:NoSchedule" in found.sizes["high-memory"]["findings"][0]["said"]
    assert found.levels("small") == ["warning"]


def test_a_mistyped_key_that_the_cluster_would_drop_is_a_problem(
    cluster: Cluster, namespace: Namespace, tmp_path: Path
) -> None:
    typo = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {"matchExpresions": []}}]}
    pools = {"general": {**POOL_RULES["general"], "affinity": {"nodeAffinity": typo}}}
    found = check(tmp_path, cluster.kubeconfig, namespace=namespace.name, pools=pools)
    assert (found.exit_code, found.sizes["small"]["admission"]) == (2, "refused")
    assert "matchExpresions" in found.sizes["small"]["findings"][0]["said"]


def test_what_the_environment_names_and_is_not_there_is_told(cluster: Cluster, tmp_path: Path) -> None:
    with cluster.namespace("check") as namespace:
        cluster.kubectl("apply", "-n", namespace.name, "-f", "-", given=CLAIM)
        cluster.kubectl("create", "secret", "generic", "there", "-n", namespace.name, "--from-literal=KEY=hidden-value")
        found = check(
            tmp_path,
            cluster.kubeconfig,
            namespace=namespace.name,
            env_from_secrets=["there", "login"],
            files_from_secrets={"key": "/secrets/key"},
            image_pull_secrets=["pull"],
            volume={"claim": "runs", "path": "/mlkit"},
        )
        other = check(
            tmp_path, cluster.kubeconfig, namespace=namespace.name, volume={"claim": "nope", "path": "/mlkit"}
        )
    assert found.exit_code == other.exit_code == 2
    assert found.say("secret there")[0] == "fine"
    assert found.say("secret login")[0] == "problem"
    assert found.say("secret key") == ("problem", "is not there, and a step that has it as files does not start.")
    assert found.say("secret pull")[0] == "warning"
    assert found.say("claim runs") == (
        "problem",
        "has no volume: it is Pending, and no step starts before it is Bound.",
    )
    assert other.say("claim nope")[0] == "problem"
    assert "hidden" not in json.dumps(found.outlook)


def test_admission_speaks_in_its_own_words(cluster: Cluster, tmp_path: Path) -> None:
    with cluster.namespace("check") as namespace:
        nobody = check(tmp_path, cluster.kubeconfig, namespace=namespace.name, service_account="nobody")
        no_class = check(tmp_path, cluster.kubeconfig, namespace=namespace.name, priority_class="nothing")
        cluster.kubectl("apply", "-n", namespace.name, "-f", "-", given=QUOTA)
        cluster.kubectl("wait", "quota/team", "-n", namespace.name, "--for=jsonpath={.status.hard}", "--timeout=30s")
        quota = check(tmp_path, cluster.kubeconfig, namespace=namespace.name)
        nowhere = check(tmp_path, cluster.kubeconfig, namespace="not-there")
    assert 'serviceaccount "nobody" not found' in nobody.sizes["small"]["findings"][0]["said"]
    assert "nothing" in no_class.sizes["small"]["findings"][0]["said"]
    assert (quota.sizes["small"]["admission"], quota.sizes["high-memory"]["admission"]) == ("accepted", "refused")
    assert "exceeded quota: team" in quota.sizes["high-memory"]["findings"][0]["said"]
    assert "can never hold it" in quota.sizes["high-memory"]["findings"][0]["todo"]
    assert 'namespaces "not-there" not found' in nowhere.sizes["small"]["findings"][0]["said"]
    assert [each.exit_code for each in (nobody, no_class, quota, nowhere)] == [2, 2, 2, 2]


def test_what_a_person_may_not_see_is_unknown_and_never_fine(namespace: Namespace, tmp_path: Path) -> None:
    """The account that may launch steps sees neither nodes, nor secrets, nor claims."""
    found = check(
        tmp_path,
        namespace.kubeconfig,
        namespace=namespace.name,
        env_from_secrets=["login"],
        volume={"claim": "runs", "path": "/mlkit"},
    )
    assert {size["admission"] for size in found.sizes.values()} == {"accepted"}
    assert {size["nodes"] for size in found.sizes.values()} == {"not looked at"}
    assert found.say("nodes")[0] == found.say("secrets")[0] == found.say("claim runs")[0] == "not_looked_at"
    assert "you may not read secrets" in found.say("secrets")[1]
    elsewhere = check(tmp_path, namespace.kubeconfig, namespace="default")
    assert {size["admission"] for size in elsewhere.sizes.values()} == {"not looked at"}


def test_places_are_asked_from_here_and_said_so(cluster: Cluster, namespace: Namespace, tmp_path: Path) -> None:
    found = check(tmp_path, cluster.kubeconfig, namespace=namespace.name)
    assert found.say("mlflow")[0] == found.say("runs")[0] == "not_looked_at"
    assert "from here" in found.say("mlflow")[1]


@pytest.mark.parametrize(
    ("key", "value", "exit_code", "said"),
    [
        ("server", "https://127.0.0.1:9", 1, "refuses the connection"),
        ("server", "https://no-such-host.invalid", 1, "is no host that is known from here"),
        ("certificate-authority-data", "", 1, "has a certificate that the kubeconfig does not know"),
        ("token", "expired", 1, "does not know you"),
        ("current-context", "nope", 2, "has no context 'nope'"),
    ],
)
def test_a_cluster_that_cannot_be_asked_is_a_sentence(
    namespace: Namespace, tmp_path: Path, key: str, value: str, exit_code: int, said: str
) -> None:
    kubeconfig = json.loads(namespace.kubeconfig.read_text())
    place = {"token": kubeconfig["users"][0]["user"], "current-context": kubeconfig}
    place.get(key, kubeconfig["clusters"][0]["cluster"])[key] = value
    broken = tmp_path / "broken.kubeconfig"
    broken.write_text(json.dumps(kubeconfig))
    found = check(tmp_path, broken, namespace=namespace.name)
    assert found.exit_code == exit_code
    assert said in (found.outlook.get("unreachable") or found.error)


def test_a_context_or_a_kubeconfig_that_is_not_there_is_a_sentence(namespace: Namespace, tmp_path: Path) -> None:
    named = check(tmp_path, namespace.kubeconfig, "--context", "nope", namespace=namespace.name)
    assert (named.exit_code, named.error.splitlines()[1]) == (2, "Name one: --context.")
    absent = check(tmp_path, tmp_path / "absent", namespace=namespace.name)
    assert (absent.exit_code, absent.error.splitlines()[1]) == (2, "Correct --kubeconfig.")


def test_a_gke_environment_wants_the_context_of_its_own_cluster(namespace: Namespace, tmp_path: Path) -> None:
    gke = {"backend": "gke", "project": "p", "location": "europe-west1", "cluster": "ml", "namespace": namespace.name}
    found = check(tmp_path, namespace.kubeconfig, **gke)
    assert found.exit_code == 2
    assert "gcloud container clusters get-credentials ml --location europe-west1 --project p" in found.error
    assert check(tmp_path, namespace.kubeconfig, "--context", namespace.name, **gke).exit_code == 0


@pytest.mark.needs("airflow")
def test_airflows_settings_are_looked_at_where_it_runs_pods_and_nowhere_else(
    namespace: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = check(tmp_path, namespace.kubeconfig, namespace=namespace.name)
    assert elsewhere.airflow is None
    assert not (tmp_path / "no-airflow").exists()  # a configuration that Airflow writes when it is imported
    monkeypatch.setenv("AIRFLOW__MLKIT__ENVIRONMENT", "cluster")
    found = check(tmp_path, namespace.kubeconfig, namespace=namespace.name)
    assert found.airflow is not None
    assert ["AIRFLOW__WORKERS__EXECUTION_API_RETRIES=10 (now 5)" in said for said in found.airflow] == [True]
    monkeypatch.setenv("AIRFLOW__MLKIT__ENVIRONMENT", "laptop")
    assert check(tmp_path, namespace.kubeconfig, namespace=namespace.name).airflow is None
