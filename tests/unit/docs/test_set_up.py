"""The page on setting up a cluster makes what the examples of the chart name: node pools, buckets, accounts."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from airflow_mlkit.spec.quantity import to_gib

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "how-to" / "set-up-on-gke.md").read_text(encoding="utf-8")
CHART = ROOT / "charts" / "mlkit-platform"
EXAMPLES = CHART / "examples"
EXAMPLE = YAML(typ="safe").load(EXAMPLES / "gke.yaml")


def gcloud_calls() -> list[list[str]]:
    """What the page's commands would call gcloud with, as a shell makes it of them."""
    typed = re.findall(r"^```bash\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    blocks = [block for block in typed if re.search(r"^ *(gcloud|may) ", block, re.MULTILINE)]
    told = "gcloud() { (IFS=$'\\t'; echo \"$*\" >&2); echo 7; }\n"
    ended = subprocess.run(["bash", "-eu", "-c", told + "".join(blocks)], capture_output=True, text=True, check=True)
    return [line.split("\t") for line in ended.stderr.splitlines()]


CALLS = gcloud_calls()
CREATED = {call[3]: call[4:] for call in CALLS if call[:3] == ["container", "node-pools", "create"]}


def flags(pool: str) -> dict[str, str]:
    return flags_of(CREATED[pool])


def flags_of(words: list[str]) -> dict[str, str]:
    return dict(word.removeprefix("--").partition("=")[::2] for word in words if word.startswith("--"))


def of_google(flags: dict[str, str]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Labels and taints that GKE gives to nodes with graphics cards, by itself."""
    accelerator = re.search(r"type=([\w-]+)", flags.get("accelerator", ""))
    if not accelerator:
        return {}, []
    return {"cloud.google.com/gke-accelerator": accelerator[1]}, [("nvidia.com/gpu", "present")]


def test_the_page_makes_the_pools_of_the_example() -> None:
    assert set(CREATED) == set(EXAMPLE["platform"]["pools"])


@pytest.mark.parametrize("pool", CREATED)
def test_steps_reach_the_nodes_of_their_pool_and_no_others_do(pool: str) -> None:
    declared: dict[str, Any] = EXAMPLE["platform"]["pools"][pool]
    labels, taints = of_google(flags(pool))
    labels |= dict(label.split("=") for label in flags(pool).get("node-labels", "").split(",") if label)
    taints += [
        tuple(taint.split(":")[0].split("=")) for taint in flags(pool).get("node-taints", "").split(",") if taint
    ]
    assert declared["node_selector"].items() <= labels.items()
    borne = {(bears["key"], bears.get("value")) for bears in declared.get("tolerations", [])}
    assert all((key, value) in borne or (key, None) in borne for key, value in taints)


MACHINES = {"n2-standard-8": (8, 32), "n2-highmem-16": (16, 128), "g2-standard-8": (8, 32)}
"""Cores and GiB."""


def left_by_gke(cores: int, gib: int) -> tuple[float, float]:
    """What GKE leaves of a machine to pods, by the rule that it states: parts of each stretch, and 100 MiB."""
    of_cores = [(1, 0.06), (1, 0.01), (2, 0.005), (cores, 0.0025)]
    of_memory = [(4, 0.25), (4, 0.2), (8, 0.1), (112, 0.06), (gib, 0.02)]
    return cores - kept(cores, of_cores), gib - kept(gib, of_memory) - 0.1


def kept(amount: float, stretches: list[tuple[int, float]]) -> float:
    total = 0.0
    for length, part in stretches:
        total += min(amount, length) * part
        amount -= min(amount, length)
    return total


@pytest.mark.parametrize("pool", CREATED)
def test_a_node_of_the_example_gives_no_more_than_gke_leaves_of_its_machine(pool: str) -> None:
    cores, gib = left_by_gke(*MACHINES[flags(pool)["machine-type"]])
    node = EXAMPLE["platform"]["pools"][pool]["node"]
    assert 0.95 * cores < node["cpu"] <= cores
    assert 0.95 * gib < to_gib(node["memory"]) <= gib


BINDING = ["storage", "buckets", "add-iam-policy-binding"]
RIGHTS = {
    (call[3], flags_of(call)["member"].partition("/subject/ns/")[2]): flags_of(call)["role"]
    for call in CALLS
    if call[:3] == BINDING
}
"""Which role an account (`namespace/sa/name`) has for a bucket."""


def test_each_bucket_that_somebody_may_use_is_made() -> None:
    made = {call[3] for call in CALLS if call[:3] == ["storage", "buckets", "create"]}
    assert {bucket for bucket, _ in RIGHTS} == made


def test_each_account_that_gets_a_right_is_one_that_the_charts_make() -> None:
    values = YAML(typ="safe").load(CHART / "values.yaml")
    made = {f"airflow/sa/{values[who]['serviceAccount']['name']}" for who in ("airflow", "sweeper")}
    for environment in EXAMPLE["platform"]["environments"].values():
        made.add(f"{environment['namespace']}/sa/{environment['service_account']}")
    accounts = [
        each for each in YAML(typ="safe").load_all(EXAMPLES / "mlflow.yaml") if each["kind"] == "ServiceAccount"
    ]
    made |= {f"{each['metadata']['namespace']}/sa/{each['metadata']['name']}" for each in accounts}
    airflows_own = {"airflow/sa/airflow-api-server"}
    assert {account for _, account in RIGHTS} == made | airflows_own


def test_the_logs_of_the_kubernetes_executor_have_a_bucket_that_its_tasks_write_and_the_api_server_reads() -> None:
    values = YAML(typ="safe").load(EXAMPLES / "airflow-values-kubernetes.yaml")
    logs = values["config"]["logging"]["remote_base_log_folder"]
    assert {account: role for (bucket, account), role in RIGHTS.items() if bucket == logs} == {
        f"airflow/sa/{values['workers']['serviceAccount']['name']}": "roles/storage.objectUser",
        "airflow/sa/mlkit-sweeper": "roles/storage.objectUser",
        "airflow/sa/airflow-api-server": "roles/storage.objectViewer",
    }


def test_a_chart_of_others_is_installed_in_the_version_that_was_looked_at() -> None:
    installed = re.findall(r"^helm upgrade --install \S+ (\S+) (.*)$", PAGE, re.MULTILINE)
    assert all("--version" in options for chart, options in installed if not chart.startswith("charts/"))
