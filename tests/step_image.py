"""The image that the system tests' steps run in: Debian's Python, the kit as it is in this checkout, and a project."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.kubernetes import Cluster, find_images

_CHECKOUT = Path(__file__).parents[1]
_EXTRAS = ("steps", "s3", "gcs")
_PYTHON = "3.11"
"""Of Debian bookworm, the base of tests/cluster/images.sh."""

_SITE_PACKAGES = f"/venv/lib/python{_PYTHON}/site-packages"


def build_step_image(cluster: Cluster, project: Path) -> str:
    """Build the image, and put it where the cluster's nodes find it.

    The packages are installed once for each state of constraints.txt, in about a minute; a change of the kit or of the
    project costs a second or two.

    Args:
        cluster: The cluster that is to run it.
        project: The folder that lies at /project in the image.

    Returns:
        What a pod names as its image: by digest where the cluster has a registry, else by a tag of its content.
    """
    with tempfile.TemporaryDirectory() as scratch:
        context = Path(scratch)
        shutil.copytree(project, context / "project", ignore=shutil.ignore_patterns(".mlkit", ".venv", "__pycache__"))
        _call("uv", "build", "--quiet", "--wheel", "--out-dir", str(context / "kit"), str(_CHECKOUT))
        recipe = str(_CHECKOUT / "tests/cluster/step.Dockerfile")
        image = _build("--build-arg", f"PACKAGES={_build_packages()}", "--file", recipe, scratch)
    return _push(image, cluster.registry) if cluster.registry else _load(image, cluster)


def _build_packages() -> str:
    """An image with all that the kit needs in a pod. xgboost-cpu is XGBoost without CUDA: 6 MB instead of 400."""
    wanted = [f"--extra={extra}" for extra in _EXTRAS]
    pinned = ["--constraint", "constraints.txt", "--python-version", _PYTHON, "--no-header", "--no-annotate"]
    listed = _call("uv", "pip", "compile", "--quiet", "pyproject.toml", *wanted, *pinned)
    lines = [line.replace("xgboost==", "xgboost-cpu==") for line in listed.splitlines() if "nvidia-" not in line]
    image = f"localhost/mlkit-packages:{hashlib.sha256(repr(lines).encode()).hexdigest()[:16]}"
    if subprocess.run(["buildah", "inspect", image], capture_output=True, check=False).returncode:
        with tempfile.TemporaryDirectory() as scratch:
            _install(lines, Path(scratch))
            _build("--tag", image, scratch)
    return image


def _install(requirements: list[str], context: Path) -> None:
    """uv's cache fills the folder in seconds, where pip in the image would take a minute."""
    (context / "requirements.txt").write_text("\n".join(requirements))
    into = ["--target", str(context / "packages"), "--python-version", _PYTHON, "--compile-bytecode", "--no-deps"]
    _call("uv", "pip", "install", "--quiet", *into, "--requirement", str(context / "requirements.txt"))
    shutil.rmtree(context / "packages/bin", ignore_errors=True)
    base = f"docker-archive:{find_images() / 'python.tar'}"
    (context / "Dockerfile").write_text(
        f"FROM {base}\n"
        "ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1\n"
        "RUN python3 -m venv /venv\n"
        f"COPY packages {_SITE_PACKAGES}\n"
    )


def _build(*arguments: str) -> str:
    """Build with layers kept, without the help of a container runtime, and return the image's id."""
    return _call("buildah", "build", "--quiet", "--layers", "--isolation=chroot", *arguments).strip()


def _push(image: str, registry: str) -> str:
    with tempfile.NamedTemporaryFile() as digest:
        quickly = ["--compression-format", "zstd", "--compression-level", "1"]
        to = f"docker://{registry}/mlkit/steps:{image[:12]}"
        _call("buildah", "push", "--quiet", "--tls-verify=false", *quickly, "--digestfile", digest.name, image, to)
        return f"{registry}/mlkit/steps@{Path(digest.name).read_text().strip()}"


def _load(image: str, cluster: Cluster) -> str:
    reference = f"localhost/mlkit-steps:{image[:12]}"
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch) / "steps.tar"
        _call("buildah", "push", "--quiet", image, f"docker-archive:{archive}:{reference}")
        cluster.load_image(archive)
    return reference


def _call(*command: str) -> str:
    ended = subprocess.run(command, cwd=_CHECKOUT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{' '.join(command)}: {ended.stderr}"
    return ended.stdout


if __name__ == "__main__":  # ahead of the tests, since it takes minutes on a new machine
    _build_packages()
