from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from airflow_mlkit.registry.provenance import GitState, read_git_state
from airflow_mlkit.workflows.libraries import library_versions


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
