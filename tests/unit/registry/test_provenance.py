from __future__ import annotations

import subprocess
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from airflow_mlkit.project import load_project
from airflow_mlkit.registry.kept_project import keep_project
from airflow_mlkit.registry.provenance import GitState, Provenance, describe_source, read_git_state
from airflow_mlkit.workflows.libraries import installed_distributions, library_versions
from tests.projects import WORKFLOW, build_project, default_spec


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-C", str(folder), "-c", "user.name=Ana", "-c", "user.email=ana@example.com", *arguments],
        check=True,
        capture_output=True,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of two projects."""
    for name in ("churn", "wine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mlkit.yaml").write_text("name\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "Begin")
    return tmp_path


@pytest.mark.needs("git")
def test_a_commit_is_clean_until_a_file_of_the_project_changes(repository: Path) -> None:
    committed = read_git_state(repository / "churn")
    assert committed.commit
    assert committed.clean is True
    (repository / "wine" / "mlkit.yaml").write_text("changed\n")
    assert read_git_state(repository / "churn") == committed
    (repository / "churn" / "new.py").write_text("")
    assert read_git_state(repository / "churn") == GitState(committed.commit, clean=False)


@pytest.mark.needs("git")
def test_a_folder_outside_of_git_and_one_without_a_commit_say_nothing(tmp_path: Path) -> None:
    assert read_git_state(tmp_path) == GitState(None, None)
    git(tmp_path, "init", "-q")
    assert read_git_state(tmp_path) == GitState(None, None)


def test_libraries_are_named_with_their_versions() -> None:
    found = library_versions()
    assert found["python"].startswith("3.")
    assert "airflow-mlkit" in found


def test_what_a_projects_package_imports_is_named_too(tmp_path: Path) -> None:
    workflow = WORKFLOW.replace("from xgboost", "import os.path\nimport rich.table\nfrom xgboost")
    found = library_versions(load_project(build_project(tmp_path, workflow=workflow)))
    assert found["rich"] == version("rich")
    assert "os" not in found
    assert installed_distributions()["rich"] == version("rich")


@pytest.mark.needs("git")
def test_an_image_says_its_digest_and_its_commit_where_git_cannot(repository: Path, tmp_path_factory: Any) -> None:
    said = {"MLKIT_IMAGE": "cards@sha256:12", "MLKIT_COMMIT": "abc"}
    project = load_project(build_project(tmp_path_factory.mktemp("plain")))
    provenance = Provenance.of(project, {}, said)
    assert (provenance.image, provenance.git) == ("cards@sha256:12", GitState("abc", None))
    assert Provenance.of(project, {}, {}).image is None
    assert read_git_state(repository / "churn", said).commit != "abc"


def test_a_query_is_named_with_its_connection_and_its_hash(tmp_path: Path) -> None:
    data = default_spec()["data"] | {"source": {"sql": "queries/p.sql", "connection": "warehouse"}}
    folder = build_project(tmp_path, spec=default_spec() | {"data": data})
    (folder / "queries").mkdir()
    (folder / "queries" / "p.sql").write_text("select 1")
    source = describe_source(load_project(folder))
    assert source == {"sql": "queries/p.sql", "connection": "warehouse", "query_hash": sha256(b"select 1").hexdigest()}


def test_a_project_is_kept_with_the_files_that_it_names(tmp_path: Path) -> None:
    project = load_project(build_project(tmp_path / "cards"))
    keep_project(project, tmp_path / "kept")
    assert load_project(tmp_path / "kept").spec == project.spec
    assert (tmp_path / "kept/expectations/payments.json").read_bytes() == project.file(
        "expectations/payments.json"
    ).read_bytes()
