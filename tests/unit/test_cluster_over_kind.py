"""`make cluster-up` over kind, with programs that only write down how they are called: no docker runs here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

UP = Path(__file__).parents[1] / "cluster" / "up.sh"
DOWN = UP.with_name("down.sh")

CALLED = """#!/bin/sh
echo "$(basename "$0") $*" >>"$CALLS"
case "$(basename "$0") $*" in
  "docker save --output "*) echo image >"$3" ;;
  "docker network inspect "*) echo 172.18.0.1 ;;
  "id -u") echo 1000 ;;
esac
"""
REFUSED = """#!/bin/sh
echo "$(basename "$0") is not for a user of kind" >&2
exit 1
"""
TOOLS = ("kubectl", "helm", "kubeconform")


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """The environment of a user, who is not root, on a machine with docker and kind."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in {
        **dict.fromkeys(("docker", "kind", "buildah", "id", *TOOLS), CALLED),
        **dict.fromkeys(("debootstrap", "apt-get", "go", "ip", "mount"), REFUSED),
    }.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    return {
        "PATH": f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "CALLS": str(tmp_path / "calls"),
        "MLKIT_K8S_NAME": "mlkit-kind",
    }


def run(script: Path, machine: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([script], env=machine, capture_output=True, text=True, check=False, timeout=60)


def test_kind_needs_no_root_no_source_and_no_debootstrap(machine: dict[str, str]) -> None:
    ended = run(UP, machine)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1].startswith("export KUBECONFIG=")
    called = Path(machine["CALLS"]).read_text().splitlines()
    starts = [" ".join(line.split()[:3]) for line in called if line.startswith(("docker", "kind"))]
    assert "docker build --quiet" in starts
    assert (
        starts.index("docker save --output")
        < starts.index("kind create cluster")
        < starts.index("kind load image-archive")
    )
    assert run(DOWN, machine).returncode == 0
    assert "kind delete cluster --name mlkit-kind" in Path(machine["CALLS"]).read_text()


def test_a_tool_that_is_not_installed_is_built(machine: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "bin" / "helm").unlink()
    ended = run(UP, machine)
    assert ended.returncode != 0
    assert "building kubectl helm kubeconform from source" in ended.stdout
    assert "go is not for a user of kind" in ended.stderr
