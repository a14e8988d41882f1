"""What became of a pod, from what Kubernetes says of it. The pods are as a Kubernetes 1.34 gave them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_mlkit.pods.verdict import Cause, judge


def pod(phase: str, state: dict[str, Any] | None = None, *, deleted: bool = False, **status: Any) -> dict[str, Any]:
    """A pod with one container, as far as a verdict looks at it."""
    metadata = {"name": "p", "creationTimestamp": "2026-11-21T10:01:00Z"}
    metadata |= {"deletionTimestamp": "2026-11-21T10:01:00Z"} if deleted else {}
    containers = [{"name": "step", "state": state}] if state else []
    return {"metadata": metadata, "status": {"phase": phase, "containerStatuses": containers, **status}}


def ended(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


def waits(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def condition(kind: str, status: str, reason: str, message: str) -> list[dict[str, str]]:
    return [
        {"type": "Ready", "status": "False"},
        {"type": kind, "status": status, "reason": reason, "message": message},
    ]


NOW = datetime(2026, 11, 21, 10, 5, tzinfo=UTC)
RUNNING = {"running": {"startedAt": "2026-11-21T10:00:00Z"}}
PREEMPTED = condition("DisruptionTarget", "True", "PreemptionByScheduler", "default-scheduler: preempting")
TAINTED = condition("DisruptionTarget", "True", "DeletionByTaintManager", "Taint manager: deleting due to NoExecute")
NO_ROOM = condition("PodScheduled", "False", "Unschedulable", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.")

UNPREPARED = [
    {"type": "PodReadyToStartContainers", "status": "False"},
    {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-21T10:01:00Z"},
]

PODS = {
    "done": (pod("Succeeded", ended(0, "Completed")), Cause.DONE, ""),
    "done while it was being deleted": (pod("Succeeded", ended(0, "Completed"), deleted=True), Cause.DONE, ""),
    "exit 1": (pod("Failed", ended(1, message="ValueError: no\n")), Cause.FAILED, "ValueError: no"),
    "137 without a lack of memory": (pod("Failed", ended(137)), Cause.FAILED, ""),
    "out of memory": (pod("Failed", ended(137, "OOMKilled")), Cause.OUT_OF_MEMORY, "killed for lack of memory"),
    "out of memory with exit code 0": (pod("Failed", ended(0, "OOMKilled")), Cause.OUT_OF_MEMORY, "killed for lack"),
    "preempted": (pod("Failed", ended(143), conditions=PREEMPTED), Cause.DISRUPTED, "PreemptionByScheduler: default-"),
    "about to be preempted": (pod("Running", RUNNING, conditions=PREEMPTED), Cause.ALIVE, "Running"),
    "node dead": (pod("Running", RUNNING, deleted=True, conditions=TAINTED), Cause.DISRUPTED, "DeletionByTaintManager"),
    "node pressure": (
        pod("Failed", reason="Evicted", message="The node was low on resource: memory."),
        Cause.DISRUPTED,
        "Evicted: The node was low",
    ),
    "own disk": (
        pod("Failed", reason="Evicted", message="Pod ephemeral local storage usage exceeds the total limit of 1Gi. "),
        Cause.OUT_OF_DISK,
        "Pod ephemeral local storage usage exceeds",
    ),
    "refused by the kubelet": (pod("Failed", reason="OutOfcpu", message="Node didn't have"), Cause.DISRUPTED, "OutOf"),
    "deleted by hand": (pod("Failed", ended(143), deleted=True), Cause.DELETED, "somebody deleted the pod"),
    "node restarted, says containerd": (pod("Failed", ended(255, "Unknown")), Cause.DISRUPTED, "Unknown: its node was"),
    "node restarted, says the kubelet": (
        pod("Failed", ended(137, "ContainerStatusUnknown", "The container could not be located")),
        Cause.DISRUPTED,
        "ContainerStatusUnknown: its node was restarted. The container",
    ),
    "time limit": (
        pod("Failed", ended(143), reason="DeadlineExceeded", message="Pod was active on the node longer than ..."),
        Cause.TIME_LIMIT,
        "Pod was active on the node longer",
    ),
    "no image": (pod("Pending", waits("ErrImagePull", "not found")), Cause.NOT_STARTED, "ErrImagePull: not found"),
    "no secret": (
        pod("Pending", waits("CreateContainerConfigError", 'secret "x" not found')),
        Cause.NOT_STARTED,
        'CreateContainerConfigError: secret "x" not found',
    ),
    "secrets not read yet": (
        pod("Pending", waits("CreateContainerConfigError", "failed to sync secret cache: timed out waiting for the")),
        Cause.ALIVE,
        "CreateContainerConfigError: failed to sync secret cache",
    ),
    "registry busy": (
        pod("Pending", waits("ImagePullBackOff", "Back-off pulling image: 429 Too Many Requests")),
        Cause.ALIVE,
        "ImagePullBackOff: Back-off pulling image: 429",
    ),
    "no command": (
        pod("Failed", ended(128, "StartError", "exec: mlkit: not found")),
        Cause.NOT_STARTED,
        "StartError: exec: mlkit: not found",
    ),
    "no node": (pod("Pending", conditions=NO_ROOM), Cause.NO_NODE, "0/3 nodes are available: 3 Insufficient nvidia"),
    "being created": (pod("Pending", waits("ContainerCreating")), Cause.ALIVE, "Pending"),
    "without its volumes": (
        pod("Pending", waits("ContainerCreating"), conditions=UNPREPARED),
        Cause.ALIVE,
        "its node prepares its volumes",
    ),
    "running": (pod("Running", RUNNING), Cause.ALIVE, "Running"),
    "failed without a word": (pod("Failed"), Cause.FAILED, ""),
    "brand new": ({"metadata": {"name": "p"}, "status": {}}, Cause.ALIVE, "Pending"),
    "gone": (None, Cause.DELETED, "the pod is not there any more"),
}


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_judged_by_what_kubernetes_says(name: str) -> None:
    given, cause, said = PODS[name]
    verdict = judge(given, NOW)
    assert (verdict.cause, verdict.said[: len(said)]) == (cause, said)
    assert verdict.is_final == (cause not in (Cause.ALIVE, Cause.NO_NODE))


@pytest.mark.parametrize("conditions", [[], PREEMPTED])
def test_a_step_that_was_told_to_end_has_its_grace_and_a_dead_node_has_not_more(conditions: list[Any]) -> None:
    given = pod("Running", RUNNING, deleted=True, conditions=conditions)
    grace_ends = datetime(2026, 11, 21, 10, 1, tzinfo=UTC)
    assert judge(given, grace_ends - timedelta(seconds=1)).cause is Cause.ALIVE
    assert judge(given, grace_ends + timedelta(seconds=11)).is_final


def test_another_container_says_nothing_about_the_step() -> None:
    """A sidecar that lacked memory is not the step."""
    given = pod("Running", RUNNING)
    given["status"]["containerStatuses"].append({"name": "istio-proxy", "state": ended(137, "OOMKilled")})
    assert judge(given, NOW).cause is Cause.ALIVE


def test_volumes_that_a_node_cannot_mount_are_not_waited_for_without_end() -> None:
    given = pod("Pending", waits("ContainerCreating"), conditions=UNPREPARED)
    given["spec"] = {"nodeName": "node-a"}
    verdict = judge(given, datetime(2026, 11, 21, 10, 12, tzinfo=UTC))
    assert verdict.cause is Cause.NOT_STARTED
    assert "the node node-a has not prepared its volumes" in verdict.said
    assert "--field-selector involvedObject.name=p" in verdict.said


def test_trouble_that_passes_is_not_waited_for_without_end():
    late = datetime(2026, 11, 21, 10, 6, 1, tzinfo=UTC)
    busy = pod("Pending", waits("ErrImagePull", "dial tcp: i/o timeout"))
    assert judge(busy, NOW).cause is Cause.ALIVE
    assert judge(busy, late).cause is Cause.NOT_STARTED
    given_a_node = {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-21T10:04:00Z"}
    busy["status"]["conditions"] = [given_a_node]  # it had to be made first
    assert judge(busy, late).cause is Cause.ALIVE
