"""The project that the template makes: complete, clean, and running as it is."""

import json
import re
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from cookiecutter.generate import generate_context, generate_files
from cookiecutter.prompt import prompt_for_config

from airflow_mlkit.__about__ import __version__
from airflow_mlkit.cli.check import find_problems
from airflow_mlkit.project import load_project
from airflow_mlkit.scaffold.answers import Approval, Pattern
from airflow_mlkit.scaffold.new_project import make_project
from airflow_mlkit.scaffold.template import commit_of, find_template, render_template
from airflow_mlkit.spec.schema import schema_text

from .conftest import write_csv

CONSTRAINTS = Path(__file__).parents[3] / "constraints.txt"

FILES = {
    ".cruft.json",
    ".dockerignore",
    ".github/workflows/ci.yml",
    ".gitignore",
    "Dockerfile",
    "README.md",
    "churn/__init__.py",
    "churn/workflow.py",
    "constraints.txt",
    "dags/churn_dags.py",
    "data/README.md",
    "data/customers.csv",
    "expectations/churn.json",
    "mlkit.yaml",
    "pyproject.toml",
    "requirements.txt",
    "schemas/mlkit.schema.json",
    "tests/test_features.py",
    "tests/test_pipeline.py",
}


def files_of(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def run(*command, cwd):
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("approval", Approval)
@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize("pattern", Pattern)
def test_every_answer_makes_the_same_files_and_a_valid_spec(answers, tmp_path, pattern, gpu, approval):
    folder = make_project(answers(pattern=pattern, gpu=gpu, approval=approval), tmp_path).folder
    assert files_of(folder) == FILES
    assert not [path for path in folder.parent.iterdir() if path != folder]
    spec = load_project(folder).spec
    assert (spec.pattern, spec.promote.approval, spec.train.size) == (pattern, approval, "gpu" if gpu else "cpu-small")
    assert (spec.predict is not None) == (pattern == "batch")
    assert spec.train.params.get("device") == ("cuda" if gpu else None)


def test_no_brace_of_the_template_is_left(project):
    texts = {path: path.read_text(encoding="utf-8") for path in project.rglob("*") if path.is_file()}
    assert not [path for path, text in texts.items() if "cookiecutter." in text or "{%" in text]


def test_the_code_is_clean(project):
    for command in (["check"], ["format", "--check"]):
        result = run(sys.executable, "-m", "ruff", *command, ".", cwd=project)
        assert result.returncode == 0, result.stdout


def test_mlkit_check_has_nothing_to_say(project):
    problems = {finding.part: finding.problems for finding in find_problems(project) if finding.problems}
    assert problems == {}


def test_a_file_with_dates_and_entities_has_a_suite_that_fits_its_snapshot(answers, tmp_path):
    dates = [date(2024, 1, 1) + timedelta(days=row // 10) for row in range(600)]
    rows = [[f"P-{row}", f"A-{row % 120}", dates[row], row * 7 % 90, ["no", "yes"][row % 3 == 0]] for row in range(600)]
    data = write_csv(tmp_path / "payments.csv", rows, ["payment_id", "account_id", "created_at", "amount", "fraud"])
    folder = make_project(answers(data=str(data), label="fraud"), tmp_path / "work").folder
    assert load_project(folder).spec.data.date_column == "created_at"
    assert {finding.part: finding.problems for finding in find_problems(folder) if finding.problems} == {}


@pytest.mark.needs("airflow")
def test_the_dag_file_makes_both_dags(project):
    code = "import runpy; print(*runpy.run_path('dags/churn_dags.py'))"
    result = run(sys.executable, "-c", code, cwd=project)
    assert {"churn-predict", "churn-retrain"} <= set(result.stdout.split()), result.stderr


def test_the_schema_is_the_one_of_this_version(project):
    """When it is not: mlkit schema --output "templates/golden-path/{{cookiecutter.name}}/schemas/mlkit.schema.json"."""
    assert (project / "schemas" / "mlkit.schema.json").read_text(encoding="utf-8") == schema_text("pipeline")


def test_the_constraints_are_the_ones_that_the_kit_is_tested_with(project):
    """When they are not: make constraints, which writes both."""
    assert (project / "constraints.txt").read_bytes() == CONSTRAINTS.read_bytes()


def test_the_image_and_ci_install_with_the_constraints(project):
    for name in ("Dockerfile", ".github/workflows/ci.yml", "README.md"):
        text = (project / name).read_text(encoding="utf-8").replace("\\\n", " ")
        installing = [line for line in text.splitlines() if re.search(r"\bpip\b.* install ", line)]
        assert installing
        assert all("-c constraints.txt" in line for line in installing)


def test_the_template_is_of_the_version_that_ships_it():
    defaults = json.loads((find_template() / "cookiecutter.json").read_text(encoding="utf-8"))
    assert defaults["_template_version"] == __version__


def test_the_record_makes_the_same_project_again(project, tmp_path):
    """What cruft does to bring a project forward: the recorded answers, without the keys that begin with `_`."""
    record = json.loads((project / ".cruft.json").read_text(encoding="utf-8"))
    told = {key: value for key, value in record["context"]["cookiecutter"].items() if not key.startswith("_")}
    context = generate_context(str(find_template() / "cookiecutter.json"), extra_context=told)
    context["cookiecutter"] = prompt_for_config(context, no_input=True)
    again = Path(generate_files(str(find_template()), context, str(tmp_path / "again")))
    own = {".cruft.json", "data/customers.csv", "expectations/churn.json"}
    for name in FILES - own:
        assert (again / name).read_bytes() == (project / name).read_bytes(), name
    assert (record["checkout"], record["directory"]) == (f"v{__version__}", "templates/golden-path")
    assert record["context"]["cookiecutter"]["_support_tier"] == "golden"


@pytest.mark.needs("git")
def test_a_project_made_from_a_checkout_records_its_commit(project, tmp_path):
    checkout = CONSTRAINTS.parent
    if not (checkout / ".git").exists():
        pytest.skip("these tests do not lie in a checkout")
    commit = run("git", "rev-parse", "HEAD", cwd=checkout).stdout.strip()
    assert json.loads((project / ".cruft.json").read_text(encoding="utf-8"))["commit"] == commit
    assert commit_of(tmp_path) is None
    run("git", "init", tmp_path, cwd=tmp_path)
    assert commit_of(tmp_path) is None


def test_caches_in_the_template_do_not_come_into_a_project(tmp_path):
    template = Path(shutil.copytree(find_template(), tmp_path / "golden-path"))
    for name in ("tests/__pycache__/test_features.cpython-313.pyc", ".ruff_cache/0.1/1", ".pytest_cache/README.md"):
        cache = template / "{{cookiecutter.name}}" / name
        cache.parent.mkdir(parents=True)
        cache.write_text("{{ no template }")
    (tmp_path / "made").mkdir()
    made = render_template(template, {"name": "churn"}, tmp_path / "made")
    assert files_of(made) == (FILES - {"data/customers.csv"})


@pytest.mark.parametrize(
    ("place", "extras"),
    [("data/a.csv", "steps"), ("s3://lake/a.csv", "steps,s3"), ("gs://lake/a.csv", "steps,gcs")],
)
def test_the_requirements_reach_the_data(tmp_path, place, extras):
    made = render_template(find_template(), {"name": "churn", "data_path": place}, tmp_path)
    assert (made / "requirements.txt").read_text(encoding="utf-8") == f"airflow-mlkit[{extras}]=={__version__}\n"


def test_braces_in_answers_and_in_columns_mean_nothing(answers, customers, tmp_path):
    odd = "{{ 7 * 7 }} {% if x %}"
    text = customers.read_text(encoding="utf-8").replace("monthly", odd, 1).replace("plan", "\"a: [b], #c 'd'\"", 1)
    data = tmp_path / "odd {{ }}.csv"
    data.write_text(text, encoding="utf-8")
    spec = load_project(
        make_project(answers(data=str(data), predicts=odd, owner=f'"{odd}'), tmp_path / "work").folder
    ).spec
    assert {odd, "a: [b], #c 'd'"} <= set(spec.data.features)
    assert (spec.description, spec.owner) == (odd, f'"{odd}')


def test_cookiecutter_alone_makes_a_project_that_says_what_to_fill_in(tmp_path):
    repository = find_template().parents[1]
    command = [sys.executable, "-m", "cookiecutter", str(repository), "--directory", "templates/golden-path"]
    settings = ["--no-input", "--default-config", "-o", str(tmp_path)]
    result = run(*command, *settings, "name=card-fraud", "label=fraud", "pattern=live", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    (finding, *_) = find_problems(tmp_path / "card-fraud")
    assert [
        word for word in ("data.features", "problem.kind") if not any(word in one for one in finding.problems)
    ] == []
    assert run(sys.executable, "-m", "ruff", "check", ".", cwd=tmp_path / "card-fraud").returncode == 0


@pytest.mark.parametrize("name", ["Card Fraud", "json", "class", 'a"b', "../x"])
def test_cookiecutter_alone_refuses_a_name_that_would_break(tmp_path, name):
    command = [sys.executable, "-m", "cookiecutter", str(find_template()), "--no-input", "--default-config"]
    (tmp_path / "out").mkdir()
    result = run(*command, "-o", str(tmp_path / "out"), f"name={name}", cwd=tmp_path)
    assert result.returncode != 0
    assert files_of(tmp_path) == set()


@pytest.mark.timeout(900)
def test_a_new_project_ships_and_its_own_tests_pass(project):
    """Seven retrains, each step a process of its own."""
    result = run(sys.executable, "-m", "airflow_mlkit", "run", "--json", cwd=project)
    assert json.loads(result.stdout)["state"] == "SHIPPED", result.stderr
    tests = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=project)
    assert tests.returncode == 0, tests.stdout
