"""The MLflow server of the examples, started with the settings that its manifest has."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from ruamel.yaml import YAML

from tests.buckets import find_free_port, wait_for
from tests.helm import PLATFORM

MANIFEST = list(YAML(typ="safe").load_all(PLATFORM / "examples" / "mlflow.yaml"))
SEARCH = "/api/2.0/mlflow/registered-models/search"


def of_kind(kind: str) -> dict[str, Any]:
    (found,) = [each for each in MANIFEST if each["kind"] == kind]
    return found


def mlflow_of(example: str) -> set[str]:
    """Host and port by which the environments of an example call MLflow."""
    platform = YAML(typ="safe").load(PLATFORM / "examples" / example)["platform"]
    return {urlsplit(environment["mlflow"]).netloc for environment in platform["environments"].values()}


@contextmanager
def serve(settings: dict[str, str]) -> Iterator[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    command = [sys.executable, "-m", "mlflow", "server"]
    server = subprocess.Popen(command, env=environment | settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{settings['MLFLOW_PORT']}"
    try:
        wait_for(f"{url}/health", seconds=90)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """As in the manifest, but for where it listens and where its data lies."""
    (container,) = of_kind("Deployment")["spec"]["template"]["spec"]["containers"]
    folder = tmp_path_factory.mktemp("mlflow")
    settings = {each["name"]: each["value"] for each in container["env"]}
    assert container["command"] == ["mlflow", "server"]
    here = {
        "MLFLOW_HOST": "127.0.0.1",
        "MLFLOW_PORT": str(find_free_port()),
        "MLFLOW_BACKEND_STORE_URI": settings["MLFLOW_BACKEND_STORE_URI"].replace("/data", str(folder)),
        "MLFLOW_ARTIFACTS_DESTINATION": str(folder / "artifacts"),
        "HOME": str(folder),
    }
    assert here.keys() <= settings.keys()
    with serve(settings | here) as url:
        yield url
    assert (folder / "mlflow.db").exists()


@pytest.mark.parametrize("example", ["gke.yaml", "any-cluster.yaml"])
def test_it_answers_those_who_call_it_as_the_examples_do(server: str, example: str) -> None:
    for host in mlflow_of(example):
        assert httpx.get(server + SEARCH, headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["mlflow.mlflow:5000", "mlflow.mlflow.svc.cluster.local", "rebound.example.com:5000"])
def test_it_refuses_every_other_name(server: str, host: str) -> None:
    answer = httpx.get(server + SEARCH, headers={"Host": host})
    assert (answer.status_code, "Invalid Host header" in answer.text) == (403, True)


def test_its_probe_is_answered_by_whatever_name(server: str) -> None:
    (container,) = of_kind("Deployment")["spec"]["template"]["spec"]["containers"]
    probe = container["readinessProbe"]["httpGet"]
    assert httpx.get(server + probe["path"], headers={"Host": "10.4.0.7:5000"}).status_code == 200


def test_its_service_is_what_the_steps_call() -> None:
    service = of_kind("Service")
    name, namespace, (port,) = service["metadata"]["name"], service["metadata"]["namespace"], service["spec"]["ports"]
    assert mlflow_of("gke.yaml") == {f"{name}.{namespace}.svc.cluster.local:{port['port']}"}
