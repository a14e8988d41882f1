"""What the accounts of the chart mlkit-platform may do on a real cluster: all that they need, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kubernetes import client, watch

from tests.kubernetes import Cluster
from tests.platform_release import Release, allowed, eventually, installed, refusal

pytestmark = [pytest.mark.needs("kubernetes"), pytest.mark.timeout(300)]

FINALIZER = "mlkit.dev/verdict"
Action = Callable[[client.CoreV1Api, str], Any]


def pod(name: str, *, finalizers: tuple[str, ...] = ()) -> dict[str, Any]:
    """A pod that says a line; it has what the Pod Security Standard `restricted` asks for."""
    return {
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "mlkit"}, "finalizers": list(finalizers)},
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


def start(api: client.CoreV1Api, namespace: str) -> Any:
    return api.create_namespaced_pod(namespace, pod("another"), dry_run="All")


def find(api: client.CoreV1Api, namespace: str) -> Any:
    assert api.list_namespaced_pod(namespace, label_selector="app.kubernetes.io/managed-by=mlkit").items


def release_verdict(api: client.CoreV1Api, namespace: str) -> Any:
    """Take the finalizer off, as is done when it was read why the pod ended."""
    api.patch_namespaced_pod("ended", namespace, {"metadata": {"finalizers": None}})


def follow_events(api: client.CoreV1Api, namespace: str) -> Any:
    for _ in watch.Watch().stream(api.list_namespaced_event, namespace, timeout_seconds=1):
        return


# each right of an account, and what the kit does with it
NEEDS: dict[tuple[str, str, str], Action] = {
    ("mlkit-airflow", "create", "pods"): start,
    ("mlkit-airflow", "get", "pods"): lambda api, namespace: api.read_namespaced_pod("ended", namespace),
    ("mlkit-airflow", "list", "pods"): find,
    ("mlkit-airflow", "patch", "pods"): release_verdict,
    ("mlkit-airflow", "delete", "pods"): lambda api, namespace: api.delete_namespaced_pod(
        "ended", namespace, dry_run="All"
    ),
    ("mlkit-airflow", "get", "pods/log"): lambda api, namespace: api.read_namespaced_pod_log("ended", namespace),
    ("mlkit-airflow", "list", "events"): lambda api, namespace: api.list_namespaced_event(namespace),
    ("mlkit-airflow", "watch", "events"): follow_events,
    ("mlkit-sweeper", "list", "pods"): find,
    ("mlkit-sweeper", "get", "pods"): lambda api, namespace: api.read_namespaced_pod("ended", namespace),
    ("mlkit-sweeper", "patch", "pods"): release_verdict,
    ("mlkit-sweeper", "delete", "pods"): lambda api, namespace: api.delete_namespaced_pod(
        "ended", namespace, dry_run="All"
    ),
}
ROLES = {"mlkit-airflow": "mlkit-launcher", "mlkit-sweeper": "mlkit-sweeper"}


@pytest.fixture(scope="module")
def release(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """The chart, and in the namespace of its steps a pod that has ended and is held by its finalizer."""
    with installed(cluster, tmp_path_factory.mktemp("release")) as made:
        administrator = client.CoreV1Api(made.act_as_administrator())
        administrator.create_namespaced_pod(made.steps(), pod("ended", finalizers=(FINALIZER,)))

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
def test_each_right_is_needed(release: Release, account: str, verb: str, resource: str) -> None:
    roles = client.RbacAuthorizationV1Api(release.act_as_administrator())
    role, namespace = ROLES[account], release.steps()
    whole = roles.read_namespaced_role(role, namespace).rules
    account_api = client.CoreV1Api(release.act_as(account))

    def act() -> Any:
        return NEEDS[account, verb, resource](account_api, namespace)

    eventually(lambda: allowed(act))
    roles.patch_namespaced_role(role, namespace, {"rules": without(whole, verb, resource)})
    try:
        said = eventually(lambda: refusal(act))
    finally:
        roles.patch_namespaced_role(role, namespace, {"rules": whole})
    assert f'{account}" cannot {verb} resource "{resource}"' in said
    eventually(lambda: allowed(act))


def without(rules: list[client.V1PolicyRule], verb: str, resource: str) -> list[dict[str, Any]]:
    """Rules less one right."""
    kept = [
        (rule.api_groups, rule.resources, [each for each in rule.verbs if (each, rule.resources) != (verb, [resource])])
        for rule in rules
    ]
    return [{"apiGroups": groups, "resources": resources, "verbs": verbs} for groups, resources, verbs in kept if verbs]
