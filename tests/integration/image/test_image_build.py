"""`mlkit image build` with a real buildah and a real registry, and the container that a pod would start."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import pytest
from ruamel.yaml import YAML

from airflow_mlkit.image.choose import choose_image
from airflow_mlkit.image.record import read_image_record
from airflow_mlkit.image.stale import find_stale
from airflow_mlkit.project import PLATFORM_VARIABLE, load_project
from airflow_mlkit.rundir import RunDirectory
from airflow_mlkit.scaffold.template import find_template
from airflow_mlkit.workflows.manifest import MANIFEST_FILE
from tests.integration.image.conftest import BASE, Builder
from tests.projects import build_project
from tests.registry import Registry, refuse_everybody

pytestmark = [
    *(pytest.mark.needs(tool) for tool in ("buildah", "runc", "registry", "uv")),
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("images"),
]

MARK = "a-password-that-belongs-to-nobody"
SMALL = f"FROM {BASE}\nCOPY mlkit.yaml /project/\nUSER 1000:1000\n"
"""A Dockerfile that is built in a second."""


def write_platform(folder: Path, registry: str) -> None:
    prod = {
        "backend": "kubernetes",
        "namespace": "ml",
        "volume": {"claim": "runs", "path": "/runs"},
        "runs": "/runs/all",
        "mlflow": "https://mlflow.example.com",
        "registry": registry,
    }
    with (folder / "platform.yaml").open("w") as file:
        YAML().dump({"base_images": BASE, "environments": {"prod": prod}}, file)


def start_build(folder: Path, builder: Builder, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "airflow_mlkit", "image", "build", "--environment", "prod", "--builder", "buildah"]
    return subprocess.Popen(
        [*command, *words],
        cwd=folder,
        env=builder.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def build(folder: Path, builder: Builder, *words: str) -> subprocess.CompletedProcess[str]:
    with start_build(folder, builder, *words) as process:
        out, err = process.communicate(timeout=540)
    return subprocess.CompletedProcess(words, process.returncode, out, err)


@pytest.fixture
def small(tmp_path: Path, registry: Registry) -> Path:
    """A project whose image is made in a second."""
    folder = build_project(tmp_path / "cards", rows=10)
    (folder / "Dockerfile").write_text(SMALL)
    write_platform(folder, f"{registry.address}/ml")
    return folder


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory, registry: Registry, wheels: Path) -> Path:
    """A project with the golden path's own Dockerfile, and the kit as a wheel beside it."""
    folder = build_project(tmp_path_factory.mktemp("golden") / "cards")
    template = find_template() / "{{cookiecutter.name}}"
    for name in ("Dockerfile", "constraints.txt"):
        shutil.copy(template / name, folder / name)
    ignored = (template / ".dockerignore").read_text().replace("{{ cookiecutter.__package }}", "cards")
    (folder / ".dockerignore").write_text(ignored)
    (folder / "requirements.txt").write_text("airflow-mlkit[steps]\n")
    (folder / ".env").write_text(MARK)
    shutil.copytree(wheels, folder / "wheels")
    write_platform(folder, f"{registry.address}/ml")
    return folder


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a builder needs on this machine: its network, its package index, its certificates."""
    settings = configparser.RawConfigParser()
    settings.read("/etc/pip.conf")
    if not settings.has_section("global"):
        settings.add_section("global")
    told = {"index-url": "PIP_INDEX_URL", "extra-index-url": "PIP_EXTRA_INDEX_URL", "trusted-host": "PIP_TRUSTED_HOST"}
    for key, variable in told.items():
        if os.environ.get(variable):
            settings.set("global", key, os.environ[variable])
    settings.remove_option("global", "cert")
    settings.set("global", "proxy-password", MARK)  # pip reads over what it does not know
    path = tmp_path_factory.mktemp("pip") / "pip.conf"
    with path.open("w") as file:
        settings.write(file)
    given = ["--network", "host", "--secret", f"id=pip.conf,src={path}"]
    certificates = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    return given + (["--secret", f"id=certificates,src={certificates}"] if certificates else [])


@pytest.fixture(scope="module")
def built(golden: Path, buildah: Builder, options: list[str]) -> str:
    """The reference of its image."""
    done = build(golden, buildah, "--", *options)
    assert done.returncode == 0, done.stderr[-3000:]
    return choose_image(load_project(golden, environment="prod"), gpus=0)


@contextmanager
def container(builder: Builder, reference: str) -> Iterator[tuple[str, Path]]:
    """A container of an image, and where its files lie."""
    name = builder("from", reference)
    try:
        yield name, Path(builder("mount", name))
    finally:
        builder("rm", name)


def run_as_a_pod(root: Path, bundle: Path, platform: str, *command: str, **mounts: Path) -> str:
    """Run a command as the kit's pods do: user 1000, no capability, read-only root, /tmp to write to."""
    bundle.mkdir()
    subprocess.run(["runc", "spec"], cwd=bundle, check=True)
    spec: dict[str, Any] = json.loads((bundle / "config.json").read_text())
    spec["root"] = {"path": str(root), "readonly": True}
    spec["process"] |= {"terminal": False, "user": {"uid": 1000, "gid": 1000}, "cwd": "/project", "args": list(command)}
    spec["process"] |= {"capabilities": {}, "noNewPrivileges": True}
    spec["process"]["env"] = ["PATH=/opt/venv/bin:/usr/bin:/bin", "HOME=/tmp", f"{PLATFORM_VARIABLE}={platform}"]
    spec["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]})
    for name, folder in mounts.items():
        place = {"destination": f"/{name.replace('_', '/')}", "type": "bind", "source": str(folder)}
        spec["mounts"].append({**place, "options": ["rbind", "rw"]})
    (bundle / "config.json").write_text(json.dumps(spec))
    done = subprocess.run(["runc", "run", bundle.name], cwd=bundle, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def test_the_image_is_in_the_registry_under_the_digest_that_is_recorded(
    golden: Path, built: str, registry: Registry
) -> None:
    assert built.startswith(f"{registry.address}/ml/cards@sha256:")
    assert registry.has(built)
    assert find_stale(load_project(golden, environment="prod")) is None


def test_a_project_that_brings_no_wheels_is_built_as_well(tmp_path: Path, buildah: Builder) -> None:
    dockerfile = (find_template() / "{{cookiecutter.name}}" / "Dockerfile").read_text()
    (copy,) = [line for line in dockerfile.splitlines() if "*.whl" in line and line.startswith("COPY")]
    (tmp_path / "Dockerfile").write_text(f"FROM scratch\n{copy}\n")
    for name in ("requirements.txt", "constraints.txt"):
        (tmp_path / name).touch()
    with container(buildah, buildah("build", "--quiet", str(tmp_path))) as (_, root):
        assert {path.name for path in root.iterdir()} == {"requirements.txt", "constraints.txt"}


def test_it_is_small_and_holds_no_secret_no_data_and_no_other_file(built: str, buildah: Builder, golden: Path) -> None:
    with container(buildah, built) as (_, root):
        packages = next((root / "opt/venv/lib").glob("python3*")) / "site-packages"
        names = {path.name for path in packages.iterdir()}
        assert {"airflow_mlkit", "xgboost", "great_expectations"} <= names
        assert not names & {"airflow", "nvidia", "pip", "setuptools"}
        assert list((packages / "xgboost" / "__pycache__").glob("core.*.pyc"))
        assert not (packages / "pandas" / "tests").exists()
        project = root / "project"
        files = {path.relative_to(project).as_posix() for path in project.rglob("*") if path.is_file()}
        compiled = {name for name in files if name.endswith(".pyc")}
        assert {Path(name).name.partition(".")[0] for name in compiled} == {"__init__", "workflow"}
        (workflow,) = (project / "cards" / "__pycache__").glob("workflow.*.pyc")
        made_of = int((project / "cards" / "workflow.py").stat().st_mtime)
        assert int.from_bytes(workflow.read_bytes()[8:12], "little") == made_of, "Python would compile it again"
        assert files - compiled == {
            f"wheels/airflow_mlkit-{version('airflow-mlkit')}-py3-none-any.whl",
            "cards/__init__.py",
            "cards/workflow.py",
            "constraints.txt",
            "expectations/payments.json",
            "mlkit.yaml",
            "requirements.txt",
        }
        assert list((root / "run" / "secrets").iterdir()) == []
        assert not (root / "etc" / "pip.conf").exists()
        assert (project / "requirements.txt").read_text() == "airflow-mlkit[steps]\n"
    described = json.loads(buildah("inspect", "--type", "image", built))
    assert MARK not in json.dumps(described)
    labels = described["OCIv1"]["config"]["Labels"]
    assert labels["mlkit.dev/code-hash"] == load_project(golden).code_hash
    assert labels["org.opencontainers.image.base.name"] == BASE
    assert described["OCIv1"]["config"]["User"] == "1000:1000"
    assert described["OCIv1"]["config"]["WorkingDir"] == "/project"
    assert "LD_LIBRARY_PATH=/usr/local/nvidia/lib64" in described["OCIv1"]["config"]["Env"]
    assert "Entrypoint" not in described["OCIv1"]["config"]


def test_a_step_runs_in_it_as_in_a_restricted_pod_and_makes_the_same_model(
    built: str, buildah: Builder, golden: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    os.chown(runs, 1000, 1000)
    platform = load_project(golden).platform.model_dump_json()
    with container(buildah, built) as (_, root):
        (root / "project" / "data").mkdir()  # a real project's data lies in a bucket
        assert "--run-dir" in run_as_a_pod(root, tmp_path / "help", platform, "mlkit", "step", "--help")
        for step in ("extract", "split", "train"):
            command = ["mlkit", "step", step, "--project=/project", "--environment=prod", "--run-dir=/runs/r1"]
            run_as_a_pod(root, tmp_path / step, platform, *command, runs=runs, project_data=golden / "data")
    here = golden.parent / "here"
    for step in ("extract", "split", "train"):
        command = [
            sys.executable,
            "-m",
            "airflow_mlkit",
            "step",
            step,
            "--run-dir",
            str(here),
            "--project",
            str(golden),
        ]
        subprocess.run(command, check=True, capture_output=True)
    there, own = (RunDirectory(str(place)).published("train").summary for place in (runs / "r1", here))
    assert there["model_id"] == own["model_id"]
    (manifest,) = runs.rglob(MANIFEST_FILE)
    assert json.loads(manifest.read_text())["libraries"]["xgboost"] == version("xgboost")


def test_a_change_of_code_is_noticed_and_costs_seconds(
    golden: Path, built: str, buildah: Builder, options: list[str], registry: Registry
) -> None:
    code = golden / "cards" / "workflow.py"
    before = code.read_text()
    try:
        code.write_text(before + "\n# another thought\n")
        project = load_project(golden, environment="prod")
        assert "cards/workflow.py is not as in it" in str(find_stale(project))
        started = time.monotonic()
        done = build(golden, buildah, "--", *options)
        seconds = time.monotonic() - started
        assert done.returncode == 0, done.stderr[-3000:]
        assert "Collecting" not in done.stderr, "the libraries were installed again"
        assert seconds < 60
        assert find_stale(project) is None
        assert choose_image(project, gpus=0) != built
        assert registry.has(choose_image(project, gpus=0))
    finally:
        code.write_text(before)


def test_a_build_that_fails_says_where_and_leaves_the_record_as_it_was(small: Path, buildah: Builder) -> None:
    assert build(small, buildah).returncode == 0
    before = (small / "image.json").read_bytes()
    (small / "Dockerfile").write_text(f"FROM {BASE}\nRUN echo one thing after the other; exit 7\n")
    done = build(small, buildah)
    assert done.returncode == 1
    assert "The image could not be built. The end of what buildah said:" in done.stderr
    assert "one thing after the other" in done.stderr
    assert "exit status 7" in done.stderr
    assert "Traceback" not in done.stderr
    assert (small / "image.json").read_bytes() == before


def test_a_build_that_is_told_to_stop_leaves_nothing_running(small: Path, buildah: Builder) -> None:
    (small / "Dockerfile").write_text(f"FROM {BASE}\nRUN echo it begins; exec sleep 12345.6\n")
    with start_build(small, buildah) as process:
        assert process.stderr
        assert any("it begins" in line for line in process.stderr)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
    deadline = time.monotonic() + 20
    while "sleep 12345.6" in list_processes() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "sleep 12345.6" not in list_processes()
    assert not (small / "image.json").exists()


def list_processes() -> str:
    """The command lines of all processes."""
    return "\n".join(" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))


def test_a_registry_that_is_away_or_refuses_is_told(small: Path, buildah: Builder) -> None:
    write_platform(small, "127.0.0.1:1/ml")
    done = build(small, buildah)
    assert (done.returncode, (small / "image.json").exists()) == (1, False)
    assert "connection refused" in done.stderr
    assert "Is the address right" in done.stderr
    with refuse_everybody() as private:
        write_platform(small, f"{private.address}/ml")
        done = build(small, buildah)
    assert (done.returncode, (small / "image.json").exists()) == (1, False)
    assert "Log in at the registry" in done.stderr


def test_two_builds_at_once_each_leave_their_image(small: Path, buildah: Builder, registry: Registry) -> None:
    started = [start_build(small, buildah, "--kind", kind, "--json") for kind in ("cpu", "gpu")]
    ended = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0], [err[-2000:] for _, err in ended]
    record = read_image_record(small)
    assert record
    assert set(record.images) == {"cpu", "gpu"}
    assert all(registry.has(str(image.reference)) for image in record.images.values())
    assert json.loads(ended[0][0])["images"]["cpu"]["reference"] == record.images["cpu"].reference


def test_the_same_files_have_the_same_digest(small: Path, buildah: Builder) -> None:
    own = ["git", "-C", str(small), "-c", "user.name=Ana", "-c", "user.email=ana@example.com"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "Begin"]):
        subprocess.run([*own, *words], check=True)
    assert build(small, buildah).returncode == 0
    before = (small / "image.json").read_bytes()
    assert build(small, buildah).returncode == 0
    assert (small / "image.json").read_bytes() == before
    subprocess.run([*own, "commit", "-q", "--allow-empty", "-m", "Go on"], check=True)
    done = build(small, buildah, "--if-changed")
    assert (done.returncode, "STEP" in done.stderr) == (0, False)
    assert "built 20" in done.stdout
    assert (small / "image.json").read_bytes() == before


def test_without_a_push_no_cluster_is_told_of_it(small: Path, buildah: Builder) -> None:
    done = build(small, buildah, "--no-push")
    assert done.returncode == 0, done.stderr
    assert "not pushed: no cluster can run it" in done.stdout
    done = build(small, buildah, "--environment", "laptop", "--push")
    assert done.returncode == 2
    assert "names no registry to push to" in done.stderr
