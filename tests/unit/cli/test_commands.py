"""plan, check, schema and step as a person types them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from airflow_mlkit.cli.airflow import name_place
from airflow_mlkit.pods.step_pod import place_of
from airflow_mlkit.project import load_project

SPEC = """\
apiVersion: mlkit/v1
name: toy
owner: a@example.com
pattern: batch
data:
  source: {path: rows.csv}
  features: [amount]
  label: fraud
  holdout: {sampling: hash}
validate: {suite: suite.json}
problem: {kind: binary, positive: 1}
train: {workflow: toy_workflow:Toy, schedule: {cron: "@weekly", assets: [payments]}, sizes: {train: cpu-large}}
gates:
  - {metric: roc_auc, at_least: 0.5}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mlkit.yaml").write_text(SPEC)
    return tmp_path


def mlkit(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`mlkit` in a process of its own; a user never sees a traceback."""
    command = [sys.executable, "-m", "airflow_mlkit", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    return done


def test_plan_prints_each_step_and_says_aloud_what_does_nothing_yet(folder: Path) -> None:
    done = mlkit(folder, "plan")
    assert done.returncode == 0
    for word in ("toy-retrain: @weekly or assets payments", "validate, split", "cpu-small", "x-mlkit://models/toy"):
        assert word in done.stdout
    assert "sizes asked for do nothing here (train.sizes.train: cpu-large)" in done.stderr


PODS = """\
environments:
  staging: {backend: kubernetes, namespace: ml, images: "r.example.com/x:1", runs: s3://ml/runs, mlflow: "https://m.example.com"}
"""


def test_plan_prints_the_pods_as_kubernetes_gets_them(folder: Path) -> None:
    """Of the one environment with that backend, one document a step."""
    (folder / "platform.yaml").write_text(PODS)
    done = mlkit(folder, "plan", "--backend", "kubernetes", "--yaml")
    pods = list(YAML(typ="safe").load_all(done.stdout))
    steps = [pod["metadata"]["labels"]["mlkit.dev/step"] for pod in pods]
    assert steps == ["extract", "validate", "split", "train", "evaluate", "gate", "promote"]
    (container,) = pods[3]["spec"]["containers"]
    assert container["command"][:4] == ["mlkit", "step", "train", "--project=/project"]
    assert container["resources"]["limits"] == {"memory": "32Gi"}
    (run_dir,) = [word.partition("=")[2] for word in container["command"] if word.startswith("--run-dir=")]
    assert pods[3]["metadata"]["labels"]["mlkit.dev/place"] == place_of(run_dir)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--yaml"], "in the environment laptop steps are processes, not pods"),
        (["--backend", "gke", "--yaml"], "no environment has gke; platform.yaml has laptop (local), staging (kubern"),
    ],
)
def test_plan_without_pods_says_where_there_are_some(folder: Path, words: list[str], said: str) -> None:
    (folder / "platform.yaml").write_text(PODS)
    done = mlkit(folder, "plan", *words)
    assert done.returncode == 2
    assert said in done.stderr


def test_plan_says_who_hears_of_the_project(folder: Path) -> None:
    channel = "{via: smtp, fallback: platform@example.com, environments: [laptop]}"
    (folder / "platform.yaml").write_text(f"notify:\n  - {channel}\n")
    (said,) = [line for line in mlkit(folder, "plan").stdout.splitlines() if line.startswith("tells ")]
    assert said.endswith("@example.com by smtp of held_back, failed, waiting")


def test_plan_as_json_is_nothing_but_json(folder: Path) -> None:
    plan = json.loads(mlkit(folder, "plan", "--json").stdout)
    assert plan["retrain"]["steps"][0]["name"] == "extract"


@pytest.mark.parametrize("words", [("plan",), ("plan", "--json")], ids=" ".join)
def test_plan_prints_no_password(folder: Path, words: tuple[str, ...]) -> None:
    address = "postgresql://ana:s3cret@db.example.com/mlflow"
    shared = f"{{backend: local, runs: runs, mlflow: '{address}'}}"
    (folder / "platform.yaml").write_text(f"environments:\n  shared: {shared}\n")
    done = mlkit(folder, *words, "--environment", "shared")
    assert done.returncode == 0, done.stderr
    assert "postgresql://db.example.com/mlflow" in done.stdout
    assert "s3cret" not in done.stdout + done.stderr


def test_plan_of_an_environment_that_is_not_there_ends_with_2(folder: Path) -> None:
    done = mlkit(folder, "plan", "--environment", "lapto")
    assert done.returncode == 2
    assert "there is no environment 'lapto' in platform.yaml; did you mean laptop?" in done.stderr


def test_a_broken_spec_ends_every_command_with_2_and_all_problems(folder: Path) -> None:
    (folder / "mlkit.yaml").write_text(SPEC.replace("label:", "lable:").replace("0.5", "x"))
    for command in ("plan", "check"):
        done = mlkit(folder, command)
        said = done.stdout + done.stderr
        assert done.returncode == 2
        assert "mlkit.yaml:8 data.lable: unknown key; did you mean label?" in said
        assert "mlkit.yaml:14 gates[0].at_least: 'x' is no number; write one such as 0.9" in said


def test_check_tells_the_problems_of_all_parts_at_once(folder: Path) -> None:
    (folder / "platform.yaml").write_text("sizes: {cpu-small: {cpu: 2}}\n")
    (folder / "mlkit.yaml").write_text(SPEC.replace("owner:", "ownr:"))
    done = mlkit(folder, "check")
    assert done.returncode == 2
    assert "ownr: unknown key; did you mean owner?" in done.stdout
    assert "sizes.cpu-small.memory: is missing" in done.stdout


def test_check_marks_each_part(folder: Path) -> None:
    done = mlkit(folder, "check")
    assert done.returncode == 2, "there is neither a workflow nor a suite"
    marks = {line[2:].split()[0]: line[0] for line in done.stdout.splitlines() if line[:1] in "✓✗!"}
    assert (marks["mlkit.yaml"], marks["platform"], marks["plan"]) == ("✓", "✓", "✓")
    assert (marks["workflow"], marks["suite"]) == ("✗", "✗")
    assert marks["notice"] == "!"


def test_schema_is_printed_or_written(folder: Path) -> None:
    printed = mlkit(folder, "schema", "platform").stdout
    assert json.loads(printed)["title"] == "platform.yaml"
    assert mlkit(folder, "schema", "platform", "--output", "p.json").returncode == 0
    assert (folder / "p.json").read_text() == printed
    assert mlkit(folder, "schema", "--output", "no/such/folder.json").returncode == 2


@pytest.mark.parametrize(
    ("words", "code", "answer"),
    [
        (("trian", "--run-dir", "run"), 2, "toy has no step 'trian'; did you mean train?"),
        (("train", "--run-dir", "run"), 2, "run is no run directory, and train reads what split published in one."),
        (
            ("extract", "--run-dir", "run", "--parameters", '{"params": {"eta": 1}, "size": "gp"}'),
            2,
            "mlkit.yaml declares no train.params.eta\nthe platform has no size 'gp'; did you mean gpu?",
        ),
        (("extract", "--run-dir", "ftp://x/y"), 1, "ftp://x/y is no place for a run."),
        (("extract", "--run-dir", "mlkit.yaml"), 74, "cannot be written"),
    ],
)
def test_a_step_that_cannot_begin_says_why(folder: Path, words: tuple[str, ...], code: int, answer: str) -> None:
    done = mlkit(folder, "step", *words)
    assert done.returncode == code
    assert answer in done.stderr
    assert not (folder / "run").exists()


@pytest.mark.parametrize(
    "words", [("models",), ("models", "list"), ("models", "show"), ("clean",), ("airflow",)], ids=" ".join
)
def test_a_command_that_looks_at_a_place_takes_the_place_that_is_named(folder: Path, words: tuple[str, ...]) -> None:
    """`shared` is in the named platform.yaml only: it is found there, and every other name of it is refused."""
    (folder / "p.yaml").write_text("environments: {shared: {backend: local, runs: r, mlflow: 'sqlite:///m.db'}}\n")
    done = mlkit(folder, *words, "--platform", "p.yaml", "--environment", "shard")
    assert done.returncode == 2
    assert "there is no environment 'shard' in platform.yaml; did you mean shared?" in done.stderr
    assert "no environment" not in mlkit(folder, *words, "--platform", "p.yaml", "--environment", "shared").stderr


def test_a_local_airflow_is_told_the_place_by_names_that_hold_in_every_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "p.yaml").write_text("environments: {shared: {backend: local, runs: r, mlflow: 'sqlite:///m.db'}}\n")
    monkeypatch.chdir(folder)
    named = name_place(load_project(folder, environment="shared", platform="p.yaml"))
    assert named == {"MLKIT_ENVIRONMENT": "shared", "MLKIT_PLATFORM": str(folder.resolve() / "p.yaml")}
