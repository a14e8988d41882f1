"""What Dag files cost to import: `python -m benchmarks.parsing --projects 1000`.

Each project has a Dag file of its own, on the kubernetes backend; beside it a hand-written file with the same two Dags
of KubernetesPodOperators: the same tasks, labels, resources and security, the same documentation, and the same form of
parameters (`--bare`: without documentation and parameters). All in one process, by turns.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from string import Template

from benchmarks.payments_project import make_payments_project

TURNS = 5

PLATFORM = {
    "sizes": {"cpu-small": {"cpu": 1, "memory": "2Gi", "grows_to": "large"}, "large": {"cpu": 4, "memory": "16Gi"}},
    "default_size": "cpu-small",
    "pools": {"general": {"node_selector": {"pool": "general"}}},
    "environments": {
        "cluster": {
            "backend": "kubernetes",
            "namespace": "ml",
            "images": "registry.example.com/ml:1",
            "service_account": "ml-pod",
            "runs": "s3://bucket/runs",
            "mlflow": "https://mlflow.example.com",
        }
    },
}

BY_HAND = Template("""
from datetime import timedelta

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import DAG, Param
from kubernetes.client import models as k8s

RESOURCES = k8s.V1ResourceRequirements(requests={"cpu": "1", "memory": "2Gi"}, limits={"memory": "2Gi"})
CONTAINER = k8s.V1SecurityContext(
    allow_privilege_escalation=False, capabilities=k8s.V1Capabilities(drop=["ALL"]), read_only_root_filesystem=True
)
POD = k8s.V1PodSecurityContext(
    run_as_non_root=True, run_as_user=1000, seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault")
)
COMMON = dict(
    catchup=False,
    max_active_runs=1,
    tags=["ml", "batch", "$name"],
    default_args={"owner": "risk@example.com", "retries": 2, "retry_delay": timedelta(seconds=30)},
)


def tell(context):
    print(context["exception"])


def step(name):
    return KubernetesPodOperator(
        task_id=name,
        namespace="ml",
        image="registry.example.com/ml:1",
        cmds=["mlkit", "step", name],
        arguments=["--run-dir", "s3://bucket/runs/$name/{{ run_id }}"],
        name=f"$name-{name}",
        service_account_name="ml-pod",
        container_resources=RESOURCES,
        node_selector={"pool": "general"},
        container_security_context=CONTAINER,
        security_context=POD,
        labels={"project": "$name", "step": name},
        env_vars={"MLFLOW_TRACKING_URI": "https://mlflow.example.com"},
        automount_service_account_token=False,
        active_deadline_seconds=3600,
        on_failure_callback=tell,
        on_retry_callback=tell,
    )


with DAG("$name-retrain", schedule="@daily", **COMMON$more) as retrain:
    steps = {name: step(name) for name in ("extract", "validate", "split", "train", "evaluate", "gate", "promote")}
    steps["extract"] >> [steps["validate"], steps["split"]] >> steps["train"]
    steps["train"] >> steps["evaluate"] >> steps["gate"] >> steps["promote"]

with DAG("$name-predict", schedule="@daily", **COMMON$docs) as predict:
    step("predict")
""")

PARAMS = """, params={
        "max_depth": Param(6, type="integer", title="max_depth", description="Of the workflow."),
        "learning_rate": Param(0.1, type="number", title="learning_rate", description="Of the workflow."),
        "training_start": Param(None, type=["null", "string"], format="date", title="Training data from"),
        "training_end": Param(None, type=["null", "string"], format="date", title="Training data until"),
        "size": Param("cpu-small", type="string", enum=["cpu-small", "large"], title="Size", description="Of it."),
    }"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--projects", type=int, default=1000)
    parser.add_argument("--bare", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        os.environ |= {
            "AIRFLOW_HOME": str(work / "airflow"),
            "AIRFLOW__MLKIT__ENVIRONMENT": "cluster",
            "AIRFLOW__MLKIT__PLATFORM": str(work / "platform.yaml"),
        }
        (work / "platform.yaml").write_text(json.dumps(PLATFORM))
        kit = write_projects(work, options.projects)
        hand = write_by_hand(work / "by-hand", kit, bare=options.bare)
        import_files([kit[0], hand[0]])  # what is imported once is not counted
        times = [(import_files(hand), import_files(kit)) for _ in range(TURNS)]
    by_hand, by_kit = (statistics.median(each) for each in zip(*times, strict=True))
    print(f"{options.projects} projects: by hand {by_hand:.2f} s, the kit {by_kit:.2f} s: {by_kit / by_hand:.2f} x")


def write_projects(work: Path, number: int) -> list[Path]:
    """So many projects, as `mlkit new` makes one. Returns their Dag files."""
    made = make_payments_project(work, days=40)
    (made / "platform.yaml").unlink(missing_ok=True)
    files = [each for each in made.rglob("*") if each.is_file() and "data" not in each.relative_to(made).parts]
    for index in range(number):
        for file in files:
            target = work / "projects" / f"p{index}" / file.relative_to(made)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
        spec = work / "projects" / f"p{index}" / "mlkit.yaml"
        spec.write_text(spec.read_text().replace("name: payments", f"name: p{index}", 1))
    dag_file = next(file.relative_to(made) for file in files if file.parent.name == "dags" and file.suffix == ".py")
    return [work / "projects" / f"p{index}" / dag_file for index in range(number)]


def write_by_hand(folder: Path, kit: Sequence[Path], *, bare: bool) -> list[Path]:
    """As many Dag files as a person might have written."""
    folder.mkdir()
    for index, file in enumerate(kit):
        project = file.parents[1]
        docs = (
            "" if bare else f", doc_md={(project / 'README.md').read_text() + (project / 'mlkit.yaml').read_text()!r}"
        )
        text = BY_HAND.substitute(name=project.name, docs=docs, more="" if bare else docs + PARAMS)
        (folder / f"p{index}.py").write_text(text)
    return [folder / f"p{index}.py" for index in range(len(kit))]


def import_files(files: Sequence[Path]) -> float:
    """Import each as the Dag processor does. Returns the seconds."""
    started = time.perf_counter()
    for file in files:
        spec = importlib.util.spec_from_file_location(f"measured_{file.stem}", file)
        assert spec
        assert spec.loader
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
