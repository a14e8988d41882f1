"""The plan: pure, and what it is for every pattern, backend, source and approval."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_mlkit.exceptions import SpecError
from airflow_mlkit.plan import PipelinePlan, build_plan
from airflow_mlkit.plan.approval import find_shortest_gap
from airflow_mlkit.spec import PipelineSpec, PlatformSpec
from airflow_mlkit.spec.sanity import SanitySpec

GOLDEN = Path(__file__).parent / "golden"
SOURCES: dict[str, dict[str, Any]] = {
    "path": {"path": "data/payments.parquet"},
    "sql": {"sql": "queries/payments.sql", "connection": "warehouse"},
    "bigquery": {"bigquery": "queries/payments.sql"},
}
APPROVALS: dict[str, dict[str, Any]] = {
    "none": {"approval": "none"},
    "person": {"approval": "person", "ask": ["risk-leads"], "within": "3d"},
}
BACKENDS = ("local", "kubernetes", "gke")
CASES = list(itertools.product(("batch", "live"), BACKENDS, SOURCES, APPROVALS))


def spec_of(pattern: str = "batch", source: str = "path", approval: str = "none", **train: Any) -> PipelineSpec:
    predict = {
        "schedule": {"cron": "@daily"},
        "source": {"path": "data/open"},
        "output": {"path": "scores/", "key": "id"},
    }
    declared = {
        "apiVersion": "mlkit/v1",
        "name": "card-fraud",
        "owner": "risk-ml@example.com",
        "description": "Finds fraudulent card payments",
        "pattern": pattern,
        "data": {
            "source": SOURCES[source],
            "features": ["amount", "country"],
            "label": "fraud",
            "holdout": {"sampling": "hash", "key": "account"},
        },
        "validate": {"suite": "expectations/payments.json"},
        "problem": {"kind": "binary", "positive": True},
        "train": {"workflow": "card_fraud.workflow:CardFraud", "schedule": {"cron": "@weekly"}, **train},
        "gates": [{"metric": "roc_auc", "at_least": 0.9}, {"metric": "roc_auc", "against": "champion"}],
        "promote": APPROVALS[approval],
        "predict": predict if pattern == "batch" else None,
    }
    return PipelineSpec.model_validate(declared)


def platform() -> PlatformSpec:
    gke = {"project": "ml", "location": "europe-west1", "cluster": "ml"}
    places = {"mlflow": "https://mlflow.example.com", "namespace": "ml"}
    return PlatformSpec.model_validate(
        {
            "sizes": {
                "cpu-small": {"cpu": 2, "memory": "4Gi", "grows_to": "cpu-large"},
                "cpu-large": {"cpu": 8, "memory": "32Gi"},
                "gpu": {"cpu": 8, "memory": "60Gi", "gpu": 1, "pool": "gpu-l4"},
            },
            "pools": {
                "general": {"price_per_hour": 0.39},
                "gpu-l4": {
                    "node_selector": {"accelerator": "l4"},
                    "tolerations": [{"key": "gpu", "operator": "Exists"}],
                },
            },
            "environments": {
                "local": {"backend": "local", "runs": "runs", "mlflow": "sqlite:///mlflow.db"},
                "kubernetes": {"backend": "kubernetes", "runs": "s3://ml/runs", **places},
                "gke": {"backend": "gke", "runs": "gs://ml-prod", "champions": "gs://ml-champions", **gke, **places},
            },
        }
    )


@pytest.mark.parametrize(("pattern", "backend", "source", "approval"), CASES)
def test_the_plan_is_the_one_on_record(pattern: str, backend: str, source: str, approval: str) -> None:
    """After a wanted change: MLKIT_REGENERATE=1 pytest tests/unit/plan, and look at the difference."""
    plan = build_plan(spec_of(pattern, source, approval, sizes={"train": "gpu"}), platform(), backend)
    golden = GOLDEN / f"{pattern}-{backend}-{source}-{approval}.json"
    text = plan.model_dump_json(indent=1) + "\n"
    if os.environ.get("MLKIT_REGENERATE"):
        golden.write_text(text)
    assert golden.read_text() == text
    assert PipelinePlan.model_validate_json(text) == plan


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == {"-".join(case) for case in CASES}


def test_validate_and_split_run_side_by_side_and_train_waits_for_both() -> None:
    retrain = build_plan(spec_of(), platform(), "local").retrain
    assert retrain.step("validate").after == retrain.step("split").after == ("extract",)
    assert set(retrain.step("train").after) == {"validate", "split"}


def test_a_step_reads_only_from_steps_that_have_ended_before_it() -> None:
    done: set[str] = set()
    retrain = build_plan(spec_of(), platform(), "local").retrain
    for step in retrain.steps:
        before = set(step.after)
        while grown := {name for each in before for name in retrain.step(each).after} - before:
            before |= grown
        assert set(step.reads) <= before <= done
        done.add(step.name)


@pytest.mark.parametrize(
    ("runs", "champions"),
    [
        ("./.mlkit/runs", "./.mlkit/champions"),
        ("runs", "./champions"),
        ("/data/runs/", "/data/champions"),
        ("gs://ml-prod/runs", "gs://ml-prod/champions"),
        ("gs://ml-prod", "gs://ml-prod/_champions"),
    ],
)
def test_champions_lie_beside_the_runs_and_never_in_another_bucket(runs: str, champions: str) -> None:
    place = PlatformSpec.model_validate(
        {"environments": {"here": {"backend": "local", "runs": runs, "mlflow": "sqlite:///mlflow.db"}}}
    )
    assert build_plan(spec_of(), place, "here").champions == champions


def test_a_sanity_check_that_is_switched_off_is_said_aloud() -> None:
    off = spec_of().model_copy(update={"sanity": SanitySpec(leak="off", row_count="off")})
    said = "sanity: switched off, so nothing looks at it before a promotion: leak, row_count"
    assert said in build_plan(off, platform(), "local").notices


def test_a_size_that_a_laptop_cannot_give_is_said_aloud() -> None:
    """The default size asks for nothing, and where steps are pods another notice speaks of sizes."""
    said = "steps share this machine, so the sizes asked for do nothing here (train.size: gpu)"
    assert [notice for notice in build_plan(spec_of(size="gpu"), platform(), "local").notices if said in notice]
    assert build_plan(spec_of(), platform(), "local").notices == ()
    assert not [each for each in build_plan(spec_of(size="gpu"), platform(), "gke").notices if said in each]


def test_names_that_the_platform_does_not_have_are_told_all_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        build_plan(spec_of(size="cpu-smal", sizes={"train": "gpus"}), platform(), "local")
    assert caught.value.problems == [
        "mlkit.yaml train.sizes.train: the platform has no size 'gpus'; did you mean gpu?",
        "mlkit.yaml train.size: the platform has no size 'cpu-smal'; did you mean cpu-small?",
    ]
    with pytest.raises(SpecError, match=r"no environment 'gek' in platform.yaml; did you mean gke\?"):
        build_plan(spec_of(), platform(), "gek")


HEAVY = (
    "pandas",
    "numpy",
    "pyarrow",
    "mlflow",
    "great_expectations",
    "xgboost",
    "sklearn",
    "airflow",
    "scipy",
    "matplotlib",
)


@pytest.mark.parametrize("module", ["spec", "plan", "rundir", "project", "steps.run", "cli.app"])
def test_importing_what_a_dag_file_needs_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, airflow_mlkit.{module}; print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    ("cron", "days"),
    [("@weekly", 7), ("@daily", 1), ("@monthly", 28), ("@quarterly", 90), ("0 6 * * 1,3", 2), ("*/30 * * * *", 1 / 48)],
)
def test_the_shortest_time_between_two_ticks_is_found(cron: str, days: float) -> None:
    assert find_shortest_gap(cron) == timedelta(days=days)


@pytest.mark.parametrize(("cron", "fits"), [("@weekly", True), ("@daily", False), ("0 6 * * 1,3", False)])
def test_a_persons_answer_is_waited_for_only_until_the_next_retrain(cron: str, fits: bool) -> None:
    spec = spec_of(approval="person", schedule={"cron": cron})
    if fits:
        plan = build_plan(spec, platform(), "local")
        assert plan.approval is not None
        assert plan.approval.within == timedelta(days=3)
    else:
        with pytest.raises(SpecError, match=r"promote\.within: 3d is not shorter than the time between two retrains"):
            build_plan(spec, platform(), "local")


def test_without_a_schedule_an_answer_may_take_its_time() -> None:
    assert build_plan(spec_of(approval="person", schedule={"assets": ["payments"]}), platform(), "local").approval
