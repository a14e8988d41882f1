"""What the system tests share: one Kubernetes for all that need it, and an Airflow that starts pods on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.databases import serve_postgresql
from tests.kubernetes import Cluster, serve_cluster
from tests.on_cluster import serve_platform
from tests.pod_retrains import PodProject, serve_project, serve_projects


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A real Kubernetes with a node of each pool; mark the test `needs("kubernetes")`."""
    with serve_cluster() as served:
        yield served


@pytest.fixture(scope="session", params=["sync", pytest.param("deferrable", marks=pytest.mark.fault)])
def served(
    request: pytest.FixtureRequest, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PodProject]:
    """A project whose steps are pods, for which workers wait or, in tests that are not the core, a triggerer."""
    folder, mode = tmp_path_factory.mktemp(request.param), request.param
    with (
        serve_platform(cluster, folder, f"pods-{mode}") as platform,
        serve_project(platform, folder, "cards", deferrable=mode == "deferrable") as project,
    ):
        yield project


@pytest.fixture
def cards(
    served: PodProject, request: pytest.FixtureRequest, record_property: Callable[..., None]
) -> Iterator[PodProject]:
    """A project without a run and without a pod. What becomes of its last one is for tests/faults_table.py."""
    yield served
    _record(served, request.node.callspec.params["served"], record_property)
    served.end()
    assert served.platform.seen.beside_each_other == {}


@pytest.fixture(params=["sync", "deferrable"])
def several(
    request: pytest.FixtureRequest,
    cluster: Cluster,
    tmp_path: Path,
    record_property: Callable[..., None],
) -> Iterator[list[PodProject]]:
    """Six projects of one Airflow with PostgreSQL, which are retrained beside each other."""
    names, mode = [f"cards-{number}" for number in range(6)], request.param
    with (
        serve_postgresql() as database,
        serve_platform(cluster, tmp_path, f"several-{mode}") as platform,
        serve_projects(
            platform, tmp_path, names, database.airflow_settings, deferrable=mode == "deferrable"
        ) as projects,
    ):
        yield projects
        _record(projects[-1], mode, record_property)
        for retrain in (each for project in projects for each in project.started):
            retrain.print_failures()
        assert platform.seen.beside_each_other == {}


def _record(project: PodProject, mode: str, record_property: Callable[..., None]) -> None:
    record_property("mode", mode)
    record_property("kubernetes", project.platform.cluster.version)
    if project.started:
        for name, text in project.started[-1].tell().items():
            record_property(name, text)
