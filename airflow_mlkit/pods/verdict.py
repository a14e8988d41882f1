"""Why a pod ended, or what it waits for, told from what Kubernetes says of it.

An exit code alone tells little: 137 is a lack of memory, a node that went down and a step that did not heed SIGTERM.
What counts is the container's reason, the pod's condition DisruptionTarget
(https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions) and its deletion time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from airflow_mlkit.plan.pod import CONTAINER

Pod = Mapping[str, Any]
"""A pod as Kubernetes' API gives it in JSON."""


class Cause(StrEnum):
    """What became of a pod."""

    ALIVE = "alive"
    """It runs, or is about to."""

    NO_NODE = "no_node"
    """It waits: no node fits, or none is there yet."""

    DONE = "done"
    FAILED = "failed"
    """Its container ended by itself, with an exit code other than 0."""

    OUT_OF_MEMORY = "out_of_memory"
    OUT_OF_DISK = "out_of_disk"
    TIME_LIMIT = "time_limit"
    NOT_STARTED = "not_started"
    """Its image, a secret or the command is not there, or the cluster forbids it."""

    UNASKED = "unasked"
    """It was started ahead, and its task came too late."""

    DISRUPTED = "disrupted"
    """Preempted, evicted, or its node is gone."""

    DELETED = "deleted"
    """Somebody deleted it, or it is not there any more."""

    STOPPED = "stopped"
    """Its task was stopped or cleared, and took it away."""


@dataclass(frozen=True)
class Verdict:
    """What became of a pod, in the cluster's own words."""

    cause: Cause
    said: str = ""
    exit_code: int | None = None

    @property
    def is_final(self) -> bool:
        """Whether nothing more will become of the pod."""
        return self.cause not in (Cause.ALIVE, Cause.NO_NODE)


STOPPED = Verdict(Cause.STOPPED, "its task was stopped or cleared")

_CANNOT_START = (
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
)
"""Reasons with which a container waits for ever (kubelet, pkg/kubelet/images/types.go and kuberuntime)."""

_PASSING = (
    *("failed to sync", "timeout", "timed out", "deadline exceeded", "too many requests", "service unavailable"),
    *("bad gateway", "internal server error", "connection re", "no such host", "unexpected eof"),
    "failed to reserve container name",
)
"""Words of trouble that passes: with a registry, or with the API server, from which a kubelet reads secrets."""

START_PATIENCE = timedelta(minutes=5)
"""How long after it was given a node a pod may still start, though something that passes keeps it from it."""

PREPARATION = timedelta(minutes=10)
"""How long a node may take for a pod's volumes and its network; without end it waits for a volume that is not there."""

_NEVER_RAN = ("StartError", "ContainerCannotRun")
"""Reasons with which a container ended that never began: its command is not there."""

_NOBODY_SAW = ("Unknown", "ContainerStatusUnknown")
"""Reasons with which a container ended while nobody looked: its node was restarted, or came back under its old name
(containerd, internal/cri/server/restart.go; kubelet, pkg/kubelet/kubelet_pods.go)."""

_LOST_NODE = ("Evicted", "NodeLost", "NodeShutdown", "Shutdown", "Terminated", "Preempting", "NodeAffinity")
_FULL_NODE = ("UnexpectedAdmissionError", "TopologyAffinityError")
_OUT_OF = "OutOf"
"""Of whatever the node has too little: OutOfcpu, OutOfnvidia.com/gpu. A kubelet that refuses a pod
says so: another one was faster, and the next node may do."""

_OWN_DISK = ("ephemeral local storage usage exceeds", "exceeded its local ephemeral storage limit", "Usage of EmptyDir")


OVERDUE = timedelta(seconds=10)
"""How long after the end of its grace a container is still believed to run: its node may be dead, and tell nothing."""


def judge(pod: Pod | None, now: datetime) -> Verdict:
    """What became of a step's pod.

    Args:
        pod: None for one that is not there any more.
        now: with a time zone.
    """
    if pod is None:
        return Verdict(Cause.DELETED, "the pod is not there any more")
    return next(verdict for verdict in _look(pod, now) if verdict is not None)


def _look(pod: Pod, now: datetime) -> Iterator[Verdict | None]:
    """From what is sure to what is only likely; the first verdict counts."""
    status = pod.get("status") or {}
    state = find_state(pod)
    yield Verdict(Cause.DONE, exit_code=0) if status.get("phase") == "Succeeded" else None
    yield _lacked_memory(state)
    yield _ended_by_kubernetes(status)
    yield _still_ends(pod, state, now)
    yield _disrupted(status)
    yield _deleted(pod)
    yield _ended_by_itself(state)
    yield _cannot_start(pod, state, now)
    yield _has_no_node(status)
    yield _is_being_prepared(pod, status, now)
    yield Verdict(Cause.FAILED, _reason(status)) if status.get("phase") == "Failed" else None
    yield Verdict(Cause.ALIVE, str(status.get("phase") or "Pending"))


def find_state(pod: Pod) -> dict[str, Any]:
    """The state of the step's own container, not of a sidecar: `waiting`, `running` or `terminated`; empty before."""
    containers = (pod.get("status") or {}).get("containerStatuses") or []
    return next((each.get("state") or {} for each in containers if each.get("name") == CONTAINER), {})


def _lacked_memory(state: Mapping[str, Any]) -> Verdict | None:
    ended = state.get("terminated") or {}
    if ended.get("reason") != "OOMKilled":
        return None
    return Verdict(Cause.OUT_OF_MEMORY, "killed for lack of memory", ended.get("exitCode"))


def _ended_by_kubernetes(status: Mapping[str, Any]) -> Verdict | None:
    reason, message = status.get("reason") or "", status.get("message") or ""
    if reason == "DeadlineExceeded":
        return Verdict(Cause.TIME_LIMIT, message)
    if reason == "Evicted" and any(said in message for said in _OWN_DISK):
        return Verdict(Cause.OUT_OF_DISK, message)
    if reason in (*_LOST_NODE, *_FULL_NODE) or reason.startswith(_OUT_OF):
        return Verdict(Cause.DISRUPTED, _reason(status))
    return None


def _disrupted(status: Mapping[str, Any]) -> Verdict | None:
    condition = _condition(status, "DisruptionTarget")
    if condition is None or condition.get("status") != "True":
        return None
    return Verdict(Cause.DISRUPTED, f"{condition.get('reason')}: {condition.get('message')}")


def _still_ends(pod: Pod, state: Mapping[str, Any], now: datetime) -> Verdict | None:
    """A pod that is told to end may still do its work within its grace; the deletion time is when that is over."""
    told = pod["metadata"].get("deletionTimestamp")
    if not state.get("running") or (told and now > datetime.fromisoformat(told) + OVERDUE):
        return None
    return Verdict(Cause.ALIVE, "is being deleted" if told else "Running")


def _deleted(pod: Pod) -> Verdict | None:
    """When it was told to end cannot be known: the kubelet's last deletion, with no grace, sets both times anew."""
    return Verdict(Cause.DELETED, "somebody deleted the pod") if pod["metadata"].get("deletionTimestamp") else None


def _ended_by_itself(state: Mapping[str, Any]) -> Verdict | None:
    ended = state.get("terminated")
    if not ended:
        return None
    code, reason, message = ended.get("exitCode"), ended.get("reason") or "", ended.get("message") or ""
    if reason in _NOBODY_SAW:
        return Verdict(Cause.DISRUPTED, f"{reason}: its node was restarted. {message}".strip(), code)
    if reason in _NEVER_RAN:
        return Verdict(Cause.NOT_STARTED, f"{reason}: {message}", code)
    return Verdict(Cause.FAILED, message.strip(), code) if code else Verdict(Cause.DONE, exit_code=0)


def _cannot_start(pod: Pod, state: Mapping[str, Any], now: datetime) -> Verdict | None:
    waiting = state.get("waiting") or {}
    if waiting.get("reason") not in _CANNOT_START:
        return None
    said = f"{waiting['reason']}: {waiting.get('message') or ''}".rstrip(": ")
    is_early = now < (_given_a_node(pod) or _created(pod)) + START_PATIENCE
    may_pass = is_early and any(word in said.lower() for word in _PASSING)
    return Verdict(Cause.ALIVE if may_pass else Cause.NOT_STARTED, said)


def _has_no_node(status: Mapping[str, Any]) -> Verdict | None:
    condition = _condition(status, "PodScheduled")
    if condition is None or condition.get("status") != "False":
        return None
    return Verdict(Cause.NO_NODE, str(condition.get("message") or condition.get("reason") or ""))


def _is_being_prepared(pod: Pod, status: Mapping[str, Any], now: datetime) -> Verdict | None:
    """A node tells of volumes and networks in events only, and in a condition that all of them are there.

    https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-has-network
    """
    ready, scheduled = _condition(status, "PodReadyToStartContainers"), _given_a_node(pod)
    if not ready or ready.get("status") != "False" or not scheduled:
        return None
    waited = now - scheduled
    if waited < PREPARATION:
        return Verdict(Cause.ALIVE, "its node prepares its volumes and its network")
    name, namespace = (pod["metadata"].get(key) for key in ("name", "namespace"))
    node = (pod.get("spec") or {}).get("nodeName")
    said = f"for {waited.total_seconds() / 60:.0f} minutes the node {node} has not prepared its volumes and its network"
    # events outlive the pod, by an hour (kube-apiserver, --event-ttl)
    why = f"kubectl get events -n {namespace} --field-selector involvedObject.name={name}"
    return Verdict(Cause.NOT_STARTED, f"{said}; why is in: {why}")


def _created(pod: Pod) -> datetime:
    return datetime.fromisoformat(pod["metadata"]["creationTimestamp"])


def _given_a_node(pod: Pod) -> datetime | None:
    """When it was; waiting for a node to be made is not a trouble of its start."""
    scheduled = _condition(pod.get("status") or {}, "PodScheduled") or {}
    moment = scheduled.get("lastTransitionTime")
    return datetime.fromisoformat(moment) if moment and scheduled.get("status") == "True" else None


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    return next((each for each in status.get("conditions") or [] if each.get("type") == kind), None)


def _reason(status: Mapping[str, Any]) -> str:
    return ": ".join(str(status[key]) for key in ("reason", "message") if status.get(key))
