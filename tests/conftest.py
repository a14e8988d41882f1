"""What every test shares: the tools that some of them need."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import helm, kubernetes
from tests.buckets import GCS_INSTALL, NO_GOOGLE, find_gcs_server
from tests.lacking import skip_or_fail
from tests.registry import REGISTRY_INSTALL, find_registry

# a busy machine is slow, and that is no fault of the code under test
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

os.environ.update(NO_GOOGLE)


def _postgresql() -> bool:
    return shutil.which("initdb") is not None or any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def _chromium() -> bool:
    return shutil.which("chromium") is not None


TOOLS: dict[str, tuple[Callable[[], bool], str]] = {
    "postgresql": (_postgresql, "apt-get install postgresql"),
    "chromium": (_chromium, "apt-get install chromium"),
    "airflow": (lambda: importlib.util.find_spec("airflow") is not None, "pip install 'airflow-mlkit[airflow]'"),
    "openlineage": (
        lambda: importlib.util.find_spec("openlineage") is not None,
        "pip install 'airflow-mlkit[openlineage]'",
    ),
    "fake-gcs-server": (lambda: find_gcs_server() is not None, GCS_INSTALL),
    "buildah": (lambda: shutil.which("buildah") is not None, "apt-get install buildah"),
    "runc": (lambda: shutil.which("runc") is not None, "apt-get install runc"),
    "registry": (lambda: find_registry() is not None, REGISTRY_INSTALL),
    "git": (lambda: shutil.which("git") is not None, "apt-get install git"),
    "helm": (helm.is_there, "`make cluster-up` builds it"),
    "kubernetes": (cache(kubernetes.is_there), kubernetes.INSTALL),
    "uv": (lambda: shutil.which("uv") is not None, "pip install uv"),
}


_FOR_CLUSTERS = {"kubernetes", "helm", "buildah", "runc", "registry"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a cluster. It comes last: it is up from its first test to the end, and costs half a core."""
    for item in items:
        if _tools(item) & _FOR_CLUSTERS:
            item.add_marker("cluster")
    items.sort(key=lambda item: "kubernetes" in _tools(item))


def _tools(item: pytest.Item) -> set[str]:
    return {tool for mark in item.iter_markers("needs") for tool in mark.args}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A missing tool skips the test and says what to install; where all are required it fails."""
    for mark in item.iter_markers("needs"):
        for tool in mark.args:
            found, install = TOOLS[tool]
            if not found():
                skip_or_fail(f"{tool} is not installed; {install}")
