"""`check_dag`: whether Airflow would load a project's Dags, without touching anybody's Airflow."""

from __future__ import annotations

import pytest

from airflow_mlkit.airflow.check import check_dag
from airflow_mlkit.project import load_project
from tests.projects import build_project

pytestmark = pytest.mark.needs("airflow")

DAG_FILE = "from airflow_mlkit.airflow import pipeline_dags\n\nglobals().update(pipeline_dags(__file__))\n"


def test_a_project_as_it_is_made_has_no_problem(tmp_path, monkeypatch):
    """With its Dag file and without one; the user's AIRFLOW_HOME stays as it was."""
    home = tmp_path / "home"
    monkeypatch.setenv("AIRFLOW_HOME", str(home))
    project = load_project(build_project(tmp_path / "cards", rows=10))
    assert check_dag(project) == []
    (project.folder / "dags").mkdir()
    (project.folder / "dags" / "cards.py").write_text(DAG_FILE)
    assert check_dag(project) == []
    assert not home.exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (DAG_FILE.replace("pipeline_dags(__file__)", "pipline(__file__)"), "cards.py:3 NameError: name 'pipline'"),
        ("import nothing_of_that_name\n", "cards.py:1 ModuleNotFoundError"),
        ("def broken(:\n", "SyntaxError"),
        ("x = 1\n", "cards.py:1 makes no Dag"),
    ],
)
def test_a_broken_dag_file_is_named_with_its_line(tmp_path, text, problem):
    """As Airflow would show it, in a sentence."""
    project = load_project(build_project(tmp_path, rows=10))
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "cards.py").write_text(text)
    (found,) = check_dag(project)
    assert problem in found


def test_a_dag_file_that_never_ends_is_named_with_the_limit(tmp_path):
    """And stopped."""
    project = load_project(build_project(tmp_path, rows=10))
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "a_good_one.py").write_text(DAG_FILE)
    (tmp_path / "dags" / "cards.py").write_text("import time\n\ntime.sleep(600)\n")
    (found,) = check_dag(project, timeout=15)
    assert found == f"{tmp_path / 'dags' / 'cards.py'}: had not loaded after 15 seconds, and was stopped"
