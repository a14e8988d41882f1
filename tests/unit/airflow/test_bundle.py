"""The bundle that serves a folder of projects: one Dag file for each."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from airflow_mlkit.exceptions import ProjectError
from tests.projects import build_project, default_spec

pytestmark = pytest.mark.needs("airflow")


@pytest.fixture
def folder(tmp_path) -> Path:
    for folder, name in {"cards": "cards", "it's {{ ds }}; rm -rf é": "hostile", ".hidden": "hidden"}.items():
        build_project(tmp_path / "projects" / folder, rows=10, spec={**default_spec(), "name": name})
    (tmp_path / "projects" / "no-project").mkdir()
    return tmp_path / "projects"


def serve(folder: Path, storage: Path, monkeypatch) -> list[Path]:
    """The Dag files that a bundle over a folder has."""
    from airflow_mlkit.airflow.bundle import ProjectsDagBundle

    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", str(storage))
    bundle = ProjectsDagBundle(name="projects", folder=str(folder))
    bundle.initialize()
    return sorted(bundle.path.iterdir())


def test_each_project_has_a_dag_file_whatever_its_folder_is_called(folder, tmp_path, monkeypatch):
    """Folders without an mlkit.yaml and hidden ones have none."""
    from airflow_mlkit.airflow.bundle import served_dags

    files = serve(folder, tmp_path / "storage", monkeypatch)
    cards, hostile = files
    assert cards.name == "cards.py"
    assert re.fullmatch(r"it-s-ds-rm-rf-[0-9a-f]{12}\.py", hostile.name)
    assert list(served_dags(str(hostile))) == ["hostile-retrain", "hostile-predict"]


def test_a_project_that_is_gone_is_served_no_longer(folder, tmp_path, monkeypatch):
    """The next refresh takes its link away."""
    before = serve(folder, tmp_path / "storage", monkeypatch)
    shutil.rmtree(folder / "cards")
    after = serve(folder, tmp_path / "storage", monkeypatch)
    assert {file.name for file in before} - {file.name for file in after} == {"cards.py"}


def test_two_projects_of_one_name_are_both_refused(tmp_path, monkeypatch):
    """The error names both files; one that is renamed to another's name is refused before the next refresh."""
    from airflow_mlkit.airflow.bundle import served_dags
    from airflow_mlkit.exceptions import SpecError

    for name in ("left", "right"):
        build_project(tmp_path / "projects" / name, rows=10, spec=default_spec())
    left, right = serve(tmp_path / "projects", tmp_path / "storage", monkeypatch)
    with pytest.raises(SpecError, match=r"left/mlkit\.yaml name: 'cards' is the name of .*right/mlkit\.yaml too"):
        served_dags(str(left))
    with pytest.raises(SpecError, match=r"right/mlkit\.yaml name: 'cards' is the name of .*left/mlkit\.yaml too"):
        served_dags(str(right))
    spec = tmp_path / "projects" / "left" / "mlkit.yaml"
    spec.write_text(spec.read_text().replace("name: cards", "name: payments"))
    assert list(served_dags(str(left))) == ["payments-retrain", "payments-predict"]
    serve(tmp_path / "projects", tmp_path / "storage", monkeypatch)
    assert served_dags(str(right))
    spec.write_text(spec.read_text().replace("name: payments", "name: cards"))
    with pytest.raises(SpecError, match="is the name of"):
        served_dags(str(left))


def test_a_folder_that_is_not_there_is_named(tmp_path, monkeypatch):
    """In the log of the Dag processor."""
    with pytest.raises(ProjectError, match="projects is not there"):
        serve(tmp_path / "projects", tmp_path / "storage", monkeypatch)
