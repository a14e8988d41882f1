"""Which settings of Airflow are missing for steps that are pods, and where nothing is said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from airflow_mlkit.airflow.installation import Installation, find_gaps
from airflow_mlkit.spec.platform import PlatformSpec

PLACES: dict[str, Any] = {
    "prod": {"backend": "kubernetes", "namespace": "ml", "runs": "gs://ml/runs", "mlflow": "https://m.example.com"},
    "laptop": {"backend": "local", "runs": "./runs", "mlflow": "sqlite:///m.db"},
}
PLATFORM = PlatformSpec.model_validate({"environments": PLACES})
EXAMPLES = Path(__file__).parents[3] / "charts" / "mlkit-platform" / "examples"
SET = Installation(execution_api_retries=10)


def gaps(installation: Installation, environment: str = "prod", platform: PlatformSpec = PLATFORM) -> list[str]:
    return [gap.write.partition("=")[0] for gap in find_gaps(installation, platform, environment)]


def test_airflows_defaults_give_up_pods_when_its_api_server_is_away() -> None:
    """Seen: a pod removed 37 s after the API server went, and nothing lost with the value that is advised."""
    assert Installation().patience == pytest.approx(28.5)
    assert gaps(Installation()) == ["AIRFLOW__WORKERS__EXECUTION_API_RETRIES"]
    assert gaps(SET) == []
    assert gaps(Installation(max_failed_heartbeats=20)) == []


def test_a_heartbeat_timeout_that_is_too_short_ends_a_task_whatever_its_worker_does() -> None:
    assert gaps(SET._replace(task_instance_heartbeat_timeout=60)) == [
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"
    ]


@pytest.mark.parametrize("environment", ["laptop", "no-such-environment"])
def test_nothing_is_missing_where_no_step_is_a_pod(environment: str) -> None:
    assert gaps(Installation(executor="CeleryExecutor"), environment) == []


def test_a_celery_queue_that_gives_up_waiting_steps_is_told() -> None:
    celery = SET._replace(executor="CeleryExecutor")
    assert gaps(celery) == ["AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT"]
    assert gaps(celery._replace(task_queued_timeout=86400)) == []
    deferrable = PlatformSpec.model_validate({"environments": PLACES | {"prod": PLACES["prod"] | {"deferrable": True}}})
    assert gaps(celery, platform=deferrable) == []  # the triggerer waits, and no slot is held
    assert gaps(celery._replace(parallelism=16)) == []  # never more tasks than one worker has slots


def test_an_executor_of_pods_wants_patience_and_a_place_for_logs() -> None:
    executor = SET._replace(executor="CeleryExecutor,KubernetesExecutor", task_queued_timeout=86400)
    assert gaps(executor) == [
        "AIRFLOW__KUBERNETES_EXECUTOR__TASK_PUBLISH_MAX_RETRIES",
        "AIRFLOW__LOGGING__REMOTE_LOGGING",
    ]
    assert gaps(executor._replace(task_publish_max_retries=-1, remote_logging=True)) == []


def test_a_timeout_of_airflows_that_is_shorter_than_a_size_allows_is_told() -> None:
    sizes = {"s": {"cpu": 1, "memory": "1Gi", "time_limit": "2h"}}
    limited = PlatformSpec.model_validate({"environments": PLACES, "sizes": sizes, "default_size": "s"})
    short = SET._replace(default_task_execution_timeout=3600.0)
    assert gaps(short, platform=limited) == ["AIRFLOW__CORE__DEFAULT_TASK_EXECUTION_TIMEOUT"]
    assert gaps(short) == []


@pytest.mark.parametrize("name", ["celery", "kubernetes"])
def test_the_values_for_airflows_chart_leave_nothing_out(name: str) -> None:
    values = YAML(typ="safe").load(EXAMPLES / f"airflow-values-{name}.yaml")
    told = {key: value for section in values["config"].values() for key, value in section.items()}
    known = {key: value for key, value in told.items() if key in Installation._fields}
    given = known | {"executor": values["executor"], "remote_logging": told.get("remote_logging") == "True"}
    assert gaps(Installation(**given)) == []
    assert gaps(Installation(executor=values["executor"])) != []


STARTED = """
from airflow_mlkit.airflow.plugin import MLKitPlugin
MLKitPlugin().fastapi_apps
MLKitPlugin().fastapi_apps
"""


@pytest.mark.needs("airflow")
@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        ({"MLKIT__ENVIRONMENT": "prod"}, 1),
        ({"MLKIT__ENVIRONMENT": "prod", "WORKERS__EXECUTION_API_RETRIES": "10"}, 0),
        ({"MLKIT__ENVIRONMENT": "laptop"}, 0),
        ({"MLKIT__ENVIRONMENT": "prod", "MLKIT__PLATFORM": ""}, 0),
        ({"MLKIT__ENVIRONMENT": "prod", "MLKIT__PLATFORM": "/no/such/file"}, 1),
        ({"MLKIT__ENVIRONMENT": "prod", "WORKERS__EXECUTION_API_RETRIES": "10", "CORE__EXECUTOR": "CeleryExecutor"}, 1),
    ],
)
def test_the_plugin_says_each_missing_setting_once_when_the_api_server_starts(
    tmp_path: Path, settings: dict[str, str], lines: int
) -> None:
    with (tmp_path / "platform.yaml").open("w") as file:
        YAML().dump({"environments": PLACES}, file)
    given = {"MLKIT__PLATFORM": str(tmp_path / "platform.yaml"), **settings}
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("AIRFLOW__", "MLKIT_ENV"))}
    environment |= {"AIRFLOW_HOME": str(tmp_path), **{f"AIRFLOW__{key}": value for key, value in given.items()}}
    ended = subprocess.run([sys.executable, "-c", STARTED], env=environment, capture_output=True, text=True, check=True)
    said = [
        line
        for line in (ended.stdout + ended.stderr).splitlines()
        if "Set AIRFLOW__" in line or "were not checked" in line
    ]
    assert len(said) == lines, ended.stdout + ended.stderr
