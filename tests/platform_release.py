"""The chart mlkit-platform, installed on a real cluster."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from tests.helm import PLATFORM, dump, helm
from tests.kubernetes import Cluster

FORBIDDEN = 403
Result = TypeVar("Result")


@dataclass(frozen=True)
class Release:
    """One installation, with names of its own: several can be on one cluster.

    It has two environments, `prod` with a volume and `plain` without.
    """

    cluster: Cluster
    folder: Path
    mark: str

    @property
    def name(self) -> str:
        return f"platform-{self.mark}"

    @property
    def airflow(self) -> str:
        """The namespace of Airflow."""
        return f"airflow-{self.mark}"

    def steps(self, environment: str = "plain") -> str:
        """The namespace of an environment's steps."""
        return f"ml-{environment}-{self.mark}"

    def values(self, *names: str) -> dict[str, Any]:
        """Of the two environments, or of those that are named."""
        return {
            "platform": {
                "sizes": {"small": {"cpu": 0.1, "memory": "64Mi"}, "wide": {"cpu": 3, "memory": "64Mi"}},
                "default_size": "small",
                "pools": {"general": {"node_selector": {"mlkit.dev/pool": "general"}}},
                "environments": {"prod": self._declare("prod"), "plain": self._declare("plain")},
            },
            "environments": {name: self._set_up(name) for name in names or ("prod", "plain")},
            "priorityClasses": {"mlkit-training": None, "mlkit-backfill": None, self.name: {"value": -5}},
        }

    def _declare(self, name: str) -> dict[str, Any]:
        declared = {
            "backend": "kubernetes",
            "namespace": self.steps(name),
            "service_account": "mlkit-steps",
            "priority_class": self.name,
            "runs": "s3://ml-runs",
            "mlflow": "http://10.0.0.5:5000",
        }
        on_volume = {"volume": {"claim": "mlkit-runs", "path": "/runs"}, "runs": "/runs/prod"}
        return declared | (on_volume if name == "prod" else {})

    def _set_up(self, name: str) -> dict[str, Any]:
        mlflow = {"to": [{"ipBlock": {"cidr": "10.0.0.5/32"}}], "ports": [{"protocol": "TCP", "port": 5000}]}
        wanted = {
            "team": "risk",
            "quota": {"pods": 20, "requests.cpu": 2, "limits.memory": "2Gi"},
            "network": {"egress": {"mlflow": mlflow}},
        }
        return wanted | ({"volume": {"size": "1Gi", "storageClassName": ""}} if name == "prod" else {})

    def install(self, values: dict[str, Any] | None = None) -> None:
        """Install it, or bring it to other values."""
        self._helm("upgrade", "--install", self.name, PLATFORM, "--create-namespace", "--values", "-", values=values)

    def remove(self) -> None:
        self._helm("uninstall", self.name)

    def _helm(self, *arguments: str | Path, values: dict[str, Any] | None = None) -> None:
        place = ("--namespace", self.airflow, "--kubeconfig", str(self.cluster.kubeconfig))
        helm(*arguments, *place, stdin=dump(values or self.values()))

    def act_as(self, account: str, namespace: str | None = None) -> client.ApiClient:
        """The cluster, as an account of Airflow's namespace or of another one sees it, with its token."""
        namespace = namespace or self.airflow
        token = self.cluster.kubectl("create", "token", account, "-n", namespace, "--duration=1h").strip()
        mine = json.loads(self.cluster.kubectl("config", "view", "--raw", "--minify", "-o", "json"))
        mine["users"] = [{"name": account, "user": {"token": token}}]
        mine["contexts"][0]["context"]["user"] = account
        path = self.folder / f"{namespace}-{account}.kubeconfig"
        path.write_text(json.dumps(mine))
        return config.new_client_from_config(str(path))

    def act_as_administrator(self) -> client.ApiClient:
        return config.new_client_from_config(str(self.cluster.kubeconfig))


@contextmanager
def installed(cluster: Cluster, folder: Path) -> Iterator[Release]:
    """The chart, and its namespaces away again at the end."""
    release = Release(cluster, folder, uuid.uuid4().hex[:6])
    release.install()
    try:
        yield release
    finally:
        if release.name in helm("list", "-q", "-n", release.airflow, "--kubeconfig", cluster.kubeconfig).stdout:
            release.remove()
        for namespace in (release.airflow, release.steps("prod"), release.steps("plain")):
            cluster.remove(namespace)


def eventually(attempt: Callable[[], Result], *, seconds: float = 20) -> Result:
    """What an attempt gives, as soon as it raises no AssertionError: rights change a moment later."""
    end = time.monotonic() + seconds
    while True:
        try:
            return attempt()
        except AssertionError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def refusal(attempt: Callable[[], Any]) -> str:
    """What the cluster says to something that it forbids."""
    said = _forbidden(attempt)
    assert isinstance(said, str), "nothing was refused"
    return said


def allowed(attempt: Callable[[], Any]) -> None:
    """Do what the cluster must not forbid."""
    said = _forbidden(attempt)
    assert said is None, said


def _forbidden(attempt: Callable[[], Any]) -> str | None:
    try:
        attempt()
    except ApiException as error:
        if error.status != FORBIDDEN:
            raise
        return str(json.loads(error.body)["message"])
    return None
