"""What the API server's words mean for a size, and what is told once for several."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from kubernetes.client import ApiClient

from airflow_mlkit.cluster.admission import ask_admission
from airflow_mlkit.cluster.door import Denied, Door, Missing, Refused
from airflow_mlkit.cluster.finding import EnvironmentOutlook, Finding, Level, SizeOutlook
from airflow_mlkit.spec.environment import KubernetesEnvironment

PLACE = KubernetesEnvironment(
    backend="kubernetes",
    namespace="ml",
    runs="gs://ml/runs",
    mlflow="https://m.example.com",
    priority_class="mlkit-training",
    service_account="steps",
)


def ask(error: Exception | None) -> tuple[str, list[Finding]]:
    return ask_admission(Mock(Door, dry_run=Mock(side_effect=error)), PLACE, {})


# each said by a Kubernetes 1.34.4
NEVER = (
    'pods "x" is forbidden: exceeded quota: team, requested: limits.memory=8Gi,requests.memory=8Gi, used: '
    "limits.memory=0,requests.memory=0, limited: limits.memory=4Gi,requests.memory=4Gi"
)
NOW = (
    'pods "x" is forbidden: exceeded quota: team, requested: pods=1,requests.memory=2Gi, used: '
    "pods=1,requests.memory=3Gi, limited: pods=10,requests.memory=4Gi"
)


@pytest.mark.parametrize(
    ("error", "level", "todo"),
    [
        (Refused(NEVER), Level.PROBLEM, "can never hold it"),
        (Refused(NOW), Level.WARNING, "used up at this moment"),
        (Refused("failed quota: team: must specify limits.cpu for: step"), Level.PROBLEM, "Take limits.cpu out"),
        (Refused("no PriorityClass with name mlkit-training was found"), Level.PROBLEM, "PriorityClass mlkit-training"),
        (
            Refused('error looking up service account ml/steps: serviceaccount "steps" not found'),
            Level.PROBLEM,
            "ServiceAccount steps",
        ),
        (Missing('namespaces "ml" not found'), Level.PROBLEM, "Make the namespace ml"),
        (
            Refused('strict decoding error: unknown field "spec.affinity.nodeAffinity.x"'),
            Level.PROBLEM,
            "Correct the key in the pool's affinity",
        ),
        (Refused('admission webhook "images.example.com" denied the request: no'), Level.PROBLEM, "that webhook"),
        (Refused("something new"), Level.PROBLEM, "rule of the cluster's own"),
        (Denied("create pods"), Level.NOT_LOOKED_AT, ""),
    ],
)
def test_the_clusters_words_are_shown_with_what_to_do_now(error: Exception, level: Level, todo: str) -> None:
    _, (finding,) = ask(error)
    assert finding.level is level
    assert todo in finding.todo
    assert 'pods "x"' not in finding.said


def test_a_pod_that_is_taken_leaves_nothing_to_say() -> None:
    assert ask(None) == ("accepted", [])


def test_what_all_sizes_share_is_told_once() -> None:
    missing = Finding(level=Level.PROBLEM, said="no namespace.")
    sizes = [
        SizeOutlook(
            name=name, cpu=1, memory="1Gi", gpu=0, pool="p", nodes="1 of 1", admission="refused", findings=found
        )
        for name, found in (("a", (missing,)), ("b", (missing, Finding(level=Level.WARNING, said="too large."))))
    ]
    outlook = EnvironmentOutlook(name="e", namespace="n", sizes=tuple(sizes))
    assert [(each.about, each.said) for each in outlook.every_finding()] == [
        ("every size", "no namespace."),
        ("size b", "too large."),
    ]
    assert len(outlook.problems) == 1


def test_the_dry_run_refuses_what_the_api_server_would_drop() -> None:
    client = Mock(ApiClient, configuration=Mock(host="https://k"), request=Mock(return_value=Mock(data=b"{}")))
    Door(client, "").dry_run("ml", {"kind": "Pod"})
    asked = client.request.call_args.kwargs["query_params"]
    assert asked == [("dryRun", "All"), ("fieldValidation", "Strict")]
