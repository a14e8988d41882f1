"""The pod of a step, as Kubernetes gets it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from airflow_mlkit.plan.build import plan_sizes
from airflow_mlkit.plan.pod import build_pod, label_value
from airflow_mlkit.spec.platform import PlatformSpec

GOLDEN = Path(__file__).parent / "golden" / "pods"

PLATFORM = {
    "sizes": {
        "plain": {"cpu": 0.5, "memory": "4Gi"},
        "whole": {"cpu": 16, "memory": "60Gi", "whole_node": True, "time_limit": "6h", "ephemeral_storage": "50Gi"},
        "gpu": {"cpu": 8, "memory": "60Gi", "gpu": 2, "pool": "gpu-l4"},
    },
    "pools": {
        "general": {},
        "gpu-l4": {
            "node_selector": {"mlkit.dev/pool": "gpu-l4"},
            "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        },
    },
    "environments": {
        "bucket": {
            "backend": "kubernetes",
            "namespace": "ml",
            "runs": "s3://ml/runs",
            "mlflow": "https://m.example.com",
        },
        "volume": {
            "backend": "gke",
            "namespace": "ml-prod",
            "runs": "/mlkit/runs",
            "mlflow": "https://m.example.com",
            "service_account": "steps",
            "priority_class": "training",
            "env_from_secrets": ["mlflow-login"],
            "files_from_secrets": {"bucket-key": "/secrets/bucket"},
            "env": {"GOOGLE_APPLICATION_CREDENTIALS": "/secrets/bucket/key.json", "HTTPS_PROXY": "http://proxy:3128"},
            "labels": {"example.com/cost-centre": "risk-42"},
            "annotations": {"sidecar.istio.io/inject": "false"},
            "image_pull_secrets": ["registry"],
            "volume": {"claim": "mlkit-runs", "path": "/mlkit"},
            "project": "ml",
            "location": "europe-west1",
            "cluster": "ml",
        },
    },
}


@pytest.mark.parametrize("environment", ["bucket", "volume"])
@pytest.mark.parametrize("size", ["plain", "whole", "gpu"])
def test_the_pod_is_the_one_on_record(environment: str, size: str) -> None:
    """MLKIT_REGENERATE=1 writes the records anew; read the difference before you commit it."""
    platform = PlatformSpec.model_validate(PLATFORM)
    pod = build_pod(
        platform.environments[environment],  # type: ignore[arg-type]
        plan_sizes(platform, size)[0],
        name="churn-train-1",
        image="registry.example.com/churn@sha256:0",
        command=("mlkit", "step", "train"),
        labels={"project": "churn", "team": "risk ml@example.com", "try": "1"},
        environment={"MLKIT_ENVIRONMENT": environment},
    )
    record = GOLDEN / f"{environment}-{size}.yaml"
    if os.environ.get("MLKIT_REGENERATE"):
        record.parent.mkdir(exist_ok=True)
        YAML().dump(pod, record)
    assert YAML(typ="safe").load(record) == pod


def test_a_whole_node_keeps_what_its_pool_says_of_other_pods() -> None:
    own = {"topologyKey": "topology.kubernetes.io/zone", "labelSelector": {"matchLabels": {"app": "noisy"}}}
    required, preferred = (f"{how}DuringSchedulingIgnoredDuringExecution" for how in ("required", "preferred"))
    away = {required: [own], preferred: []}
    pools = {**PLATFORM["pools"], "general": {"affinity": {"podAntiAffinity": away}}}
    platform = PlatformSpec.model_validate({**PLATFORM, "pools": pools})
    place: Any = platform.environments["bucket"]
    pod = build_pod(place, plan_sizes(platform, "whole")[0], name="a", image="a", command=(), labels={}, environment={})
    found = pod["spec"]["affinity"]["podAntiAffinity"]
    rules = found[required]
    assert rules[0] == own
    assert [rule["topologyKey"] for rule in rules[1:]] == ["kubernetes.io/hostname"]
    assert found[preferred] == []


@given(st.text())
def test_any_text_becomes_the_value_of_a_label(text: str) -> None:
    assert re.fullmatch(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?", label_value(text))
    assert len(label_value(text)) <= 63


def test_two_texts_never_share_a_label() -> None:
    texts = ["a b", "a-b", "a_b", "a/b", "A-b", "", " ", "é", "x" * 63, "x" * 64, "x" * 65]
    assert len({label_value(text) for text in texts}) == len(texts)
