from __future__ import annotations

from importlib.metadata import requires
from pathlib import Path

import pytest

from airflow_mlkit.cli.check import find_problems
from airflow_mlkit.image.lacking import _BROUGHT_BY, find_missing_extras, find_unreadable, find_unwritable
from airflow_mlkit.spec.environment import Volume
from tests.projects import build_project

RUNS = {"runs": "gs://ml/runs"}
VOLUME = Volume(claim="runs", path="/mlkit")

PLATFORM = """\
environments:
  prod:
    backend: kubernetes
    namespace: ml
    runs: gs://ml/runs
    mlflow: https://mlflow.example.com
"""


@pytest.mark.parametrize(
    "requirements",
    [
        "airflow-mlkit[steps,gcs]==0.1.0",
        "airflow_mlkit [ GCS , steps ] @ file:///kit.whl",
        "airflow-mlkit[all]\n",
        "airflow-mlkit[steps]\ngcsfs==2026.1.0\n",
        "airflow-mlkit[steps]\n-r more.txt\n",
        "airflow-mlkit-more[steps]\n",
        "pandas\n",
        "",
    ],
)
def test_a_library_that_is_asked_for_or_that_nobody_can_know_of_is_not_missed(requirements: str) -> None:
    assert find_missing_extras(RUNS, requirements) == []


def test_the_extras_that_a_pod_lacks_are_told_once_each_with_the_line_to_write() -> None:
    needs = {**RUNS, "champions": "gs://ml/champions", "data.source.path": "s3a://in/x.csv", "predict.source.path": "x"}
    gcs, s3 = find_missing_extras(needs, "# the kit\nairflow-mlkit[steps]==0.1.0\ngcsfs-fuse\n")
    assert gcs == (
        "requirements.txt: airflow-mlkit lacks the extra gcs, which runs (gs://ml/runs) needs; write "
        "airflow-mlkit[steps,gcs,s3], and build the image again: mlkit image build"
    )
    assert "the extra s3, which data.source.path (s3a://in/x.csv) needs" in s3


def test_the_extras_that_bring_a_library_are_those_of_the_distribution() -> None:
    declared = {line.rpartition("extra == ")[2].strip("'\"") for line in requires("airflow-mlkit") or []}
    assert {extra for extras in _BROUGHT_BY.values() for extra in extras} <= declared


@pytest.mark.parametrize(
    ("path", "volume", "is_lost"),
    [
        ("data/churn.csv", None, True),
        ("data/churn.csv", VOLUME, True),
        ("/home/ana/churn.csv", VOLUME, True),
        ("file:///home/ana/churn.csv", VOLUME, True),
        ("/mlkit/../home/churn.csv", VOLUME, True),
        ("/mlkit/data/churn.csv", VOLUME, False),
        ("file:///mlkit/data/churn.csv", VOLUME, False),
        ("../mlkit/data/*.csv", VOLUME, False),
        ("gs://ml/churn.csv", None, False),
    ],
)
def test_only_a_bucket_and_the_volume_are_seen_by_every_pod(path: str, volume: Volume | None, is_lost: bool) -> None:
    assert len(find_unreadable({"data.source.path": path}, volume)) == is_lost
    assert len(find_unwritable({"predict.output.path": path}, volume)) == is_lost


def test_mlkit_check_says_what_each_first_pod_would_fail_of(tmp_path: Path) -> None:
    folder = build_project(tmp_path / "cards", rows=10)
    (folder / "platform.yaml").write_text(PLATFORM)
    (folder / "requirements.txt").write_text("airflow-mlkit[steps]\n")
    (folder / ".dockerignore").write_text("*\n!cards\n")

    def look() -> list[str]:
        found = find_problems(folder, environment="prod")
        return next(finding.problems for finding in found if finding.part == "image")[2:]  # that there is none, a hint

    extra, source, scored, scores = look()
    assert "lacks the extra gcs" in extra
    assert source == (
        "mlkit.yaml data.source.path: data/payments.csv is not in the image, so that no pod finds it; "
        "write gs://BUCKET/... or s3://BUCKET/..."
    )
    assert "predict.source.path" in scored
    assert "predict.output.path: scores lies on a pod's own disk" in scores
    (folder / ".dockerignore").write_text("*\n!data/*.csv\n")
    assert look() == [extra, scores]
    assert all(not each.problems for each in find_problems(folder, environment="laptop") if each.part == "image")


def test_what_is_in_the_platforms_own_image_is_not_guessed(tmp_path: Path) -> None:
    folder = build_project(tmp_path / "cards", rows=10)
    (folder / "platform.yaml").write_text(f"{PLATFORM}    images: registry.example.com/ml/steps:1\n")
    (folder / "requirements.txt").write_text("airflow-mlkit[steps]\n")
    (folder / ".dockerignore").write_text("*\n")
    found = find_problems(folder, environment="prod")
    (scores,) = next(finding.problems for finding in found if finding.part == "image")
    assert "predict.output.path" in scores
