"""What the system tests share: one Kubernetes for all that need it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kubernetes import Cluster, serve_cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A real Kubernetes with a node of each pool; mark the test `needs("kubernetes")`."""
    with serve_cluster() as served:
        yield served
