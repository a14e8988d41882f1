"""A base image, a registry, a wheel of this kit, and a place for images of the tests' own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.kubernetes import find_images
from tests.lacking import skip_or_fail
from tests.registry import Registry, keep_images_in, serve_registry

CHECKOUT = Path(__file__).parents[3]
BASE = "localhost/python:tests"


@dataclass(frozen=True)
class Builder:
    """Buildah with a storage of its own.

    Attributes:
        environment: in which it, and an mlkit that calls it, are started.
    """

    environment: Mapping[str, str]

    def __call__(self, *words: str) -> str:
        """What buildah says."""
        done = subprocess.run(["buildah", *words], env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"buildah {' '.join(words)}: {done.stderr}"
        return done.stdout.strip()


@pytest.fixture(scope="session")
def buildah() -> Iterator[Builder]:
    """With Debian's Python as a base image. What it builds is removed at the end."""
    if os.geteuid() != 0:
        skip_or_fail("layers are kept in overlay mounts, which only root may make here")
    base = find_images() / "python.tar"
    if not base.exists():
        skip_or_fail(f"{base} is not there; tests/cluster/build.sh makes it")
    with tempfile.TemporaryDirectory(prefix="mlkit-images-") as folder:
        builder = Builder(keep_images_in(Path(folder)))
        builder("tag", builder("pull", "--quiet", f"docker-archive:{base}"), BASE)
        yield builder
        builder("rm", "--all")
        builder("rmi", "--all", "--force")


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Empty."""
    with serve_registry(tmp_path_factory.mktemp("registry")) as served:
        yield served


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the kit as it is in this checkout."""
    folder = tmp_path_factory.mktemp("wheels")
    uv = shutil.which("uv") or str(CHECKOUT / ".cache" / "uv" / "bin" / "uv")
    command = [uv, "build", "--quiet", "--wheel", "--out-dir", str(folder), str(CHECKOUT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder
