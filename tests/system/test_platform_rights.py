"""What the accounts of the chart mlkit-platform may do on a real cluster: all that they need, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kubernetes import client

from airflow_mlkit.airflow import patience
from airflow_mlkit.airflow.patience import ClusterRefused
from airflow_mlkit.airflow.pod_log import PodLog
from airflow_mlkit.airflow.run_place import run_directory_under
from airflow_mlkit.airflow.step_pod import StepPods, TaskKey
from airflow_mlkit.airflow.sweeper import Sweeper
from airflow_mlkit.plan.pod import FINALIZER, LABEL, MANAGED
from airflow_mlkit.pods.step_pod import PLACE, place_of
from tests.kubernetes import Cluster
from tests.platform_release import Release, eventually, installed

pytestmark = [pytest.mark.needs("airflow", "kubernetes"), pytest.mark.timeout(300)]

Action = Callable[[StepPods], Any]


def pod(name: str, **marks: dict[str, str]) -> dict[str, Any]:
    """A pod that says a line; it has what the Pod Security Standard `restricted` asks for."""
    labels = {**MANAGED, **marks.pop("labels", {})}
    return {
        "metadata": {"name": name, "labels": labels, "finalizers": [FINALIZER], **marks},
        "spec": {
            "restartPolicy": "Never",
            "securityContext": {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "step",
                    "image": "localhost/python:bookworm",
                    "command": ["python3", "-c", "print('done')"],
                    "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}},
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
    }


def start(pods: StepPods) -> None:
    pods.start(pod("started"))


def find(pods: StepPods) -> None:
    assert pods.find(), "no pod was found"


def read(pods: StepPods) -> None:
    assert pods.read("ended"), "the pod was not found"


def claim(pods: StepPods) -> None:
    pods.claim("ended", "try 2")


def remove(pods: StepPods) -> None:
    pods.remove("unwanted", grace=0)


def follow_log(pods: StepPods) -> None:
    lines: list[str] = []
    PodLog(pods.client, pods.namespace, "ended", lines.append).finish()
    assert lines == ["done"], "the log is missing"


NEEDS: dict[tuple[str, str, str], Action] = {
    ("mlkit-airflow", "create", "pods"): start,
    ("mlkit-airflow", "get", "pods"): read,
    ("mlkit-airflow", "list", "pods"): find,
    ("mlkit-airflow", "patch", "pods"): claim,
    ("mlkit-airflow", "delete", "pods"): remove,
    ("mlkit-airflow", "get", "pods/log"): follow_log,
    ("mlkit-sweeper", "list", "pods"): find,
    ("mlkit-sweeper", "patch", "pods"): remove,
    ("mlkit-sweeper", "delete", "pods"): remove,
}
"""Each right of an account, and what the kit does with it."""

ROLES = {"mlkit-airflow": "mlkit-launcher", "mlkit-sweeper": "mlkit-sweeper"}


@pytest.fixture(scope="module")
def release(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """The chart, and in the namespace of its steps pods that are held by their finalizer."""
    with installed(cluster, tmp_path_factory.mktemp("release")) as made:
        administrator = client.CoreV1Api(made.act_as_administrator())
        for name in ("ended", "unwanted"):
            administrator.create_namespaced_pod(made.steps(), pod(name))

        def ended() -> None:
            phase = administrator.read_namespaced_pod("ended", made.steps()).status.phase
            assert phase == "Succeeded", phase

        eventually(ended, seconds=60)
        yield made


def rights(release: Release, account: str, namespace: str, *, of: str | None = None) -> set[tuple[str, str]]:
    """What an account may do in a namespace, as the cluster tells it, but for what everybody may."""
    api = client.AuthorizationV1Api(release.act_as(account, of))
    review = client.V1SelfSubjectRulesReview(spec=client.V1SelfSubjectRulesReviewSpec(namespace=namespace))
    rules = api.create_self_subject_rules_review(review).status.resource_rules
    everybody = {"authorization.k8s.io", "authentication.k8s.io"}
    return {
        (verb, resource)
        for rule in rules
        if not set(rule.api_groups) & everybody
        for verb in rule.verbs
        for resource in rule.resources
    }


@pytest.mark.parametrize("account", ROLES)
def test_an_account_may_do_in_the_steps_namespaces_what_is_needed_and_nothing_elsewhere(
    release: Release, account: str
) -> None:
    needed = {(verb, resource) for who, verb, resource in NEEDS if who == account}
    for environment in ("prod", "plain"):
        assert rights(release, account, release.steps(environment)) == needed
    for elsewhere in (release.airflow, "default", "kube-system"):
        assert rights(release, account, elsewhere) == set()


def test_a_step_may_do_nothing(release: Release) -> None:
    for namespace in (release.steps(), release.airflow, "default"):
        assert rights(release, "mlkit-steps", namespace, of=release.steps()) == set()


@pytest.mark.parametrize(("account", "verb", "resource"), [pytest.param(*right, id=" ".join(right)) for right in NEEDS])
def test_each_right_is_needed(
    release: Release, account: str, verb: str, resource: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "DENIED_SECONDS", 0.0)
    roles = client.RbacAuthorizationV1Api(release.act_as_administrator())
    role, namespace = ROLES[account], release.steps()
    whole = roles.read_namespaced_role(role, namespace).rules
    api = client.CoreV1Api(release.act_as(account))
    pods = StepPods(lambda: api, lambda: None, namespace, MANAGED)
    roles.patch_namespaced_role(role, namespace, {"rules": without(whole, verb, resource)})
    try:
        eventually(lambda: fails(NEEDS[account, verb, resource], pods))
    finally:
        roles.patch_namespaced_role(role, namespace, {"rules": whole})
    eventually(lambda: works(NEEDS[account, verb, resource], pods))


def test_the_sweeper_sweeps_with_no_more_than_its_rights(release: Release) -> None:
    key = TaskKey("cards-retrain", "r1", "train")
    labels = {f"{LABEL}/project": "cards", f"{LABEL}/{PLACE}": place_of(run_directory_under("s3://ml/cards", "r1"))}
    administrator = client.CoreV1Api(release.act_as_administrator())
    administrator.create_namespaced_pod(release.steps(), pod("left", labels=labels, annotations=key.annotations))
    api = client.CoreV1Api(release.act_as("mlkit-sweeper"))
    pods = StepPods(lambda: api, lambda: None, release.steps(), MANAGED)
    assert Sweeper(pods, "s3://ml", lambda *_: "failed").sweep() == ["left"]
    eventually(lambda: gone("left", pods), seconds=60)


def gone(name: str, pods: StepPods) -> None:
    assert name not in [each["metadata"]["name"] for each in pods.find()]


def works(action: Action, pods: StepPods) -> None:
    try:
        action(pods)
    except ClusterRefused as error:
        raise AssertionError(str(error)) from None


def fails(action: Action, pods: StepPods) -> None:
    try:
        action(pods)
    except (ClusterRefused, AssertionError):
        return
    raise AssertionError("it works without")


def without(rules: list[client.V1PolicyRule], verb: str, resource: str) -> list[dict[str, Any]]:
    """Rules less one right."""
    kept = [
        (rule.api_groups, rule.resources, [each for each in rule.verbs if (each, rule.resources) != (verb, [resource])])
        for rule in rules
    ]
    return [{"apiGroups": groups, "resources": resources, "verbs": verbs} for groups, resources, verbs in kept if verbs]
