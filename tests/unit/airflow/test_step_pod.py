"""How the API server is asked again: while it is away, and not where its answer would stay the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.api_core.exceptions import PermissionDenied, ServiceUnavailable
from google.auth.exceptions import RefreshError, TransportError
from kubernetes.client import ApiException
from urllib3.exceptions import ProtocolError

from airflow_mlkit.airflow import patience, step_pod
from airflow_mlkit.airflow.patience import ClusterRefused, ClusterUnreachable
from airflow_mlkit.airflow.step_pod import StepPods


class Client:
    """An API server that answers a deletion with one trouble after the other, and then well."""

    def __init__(self, *troubles: Exception) -> None:
        self.troubles, self.asked, self.renewed = list(troubles), 0, 0

    def delete_namespaced_pod(self, *_: Any, **__: Any) -> object:
        self.asked += 1
        if self.troubles:
            raise self.troubles.pop(0)
        return {}

    create_namespaced_pod = delete_namespaced_pod

    def patch_namespaced_pod(self, *_: Any, **__: Any) -> None:
        """Answers at once."""

    def renew(self) -> None:
        self.renewed += 1

    def pods(self) -> StepPods:
        return StepPods(lambda: self, self.renew, "ml", {})  # type: ignore[arg-type, return-value]


def refusal(status: int, message: str = "") -> ApiException:
    error = ApiException(status=status, reason="Reason")
    error.body = json.dumps({"kind": "Status", "message": message}) if message else "<html>"
    return error


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_pod, "PAUSE_SECONDS", 0.0)


NO_RIGHT = 'pods "p" is forbidden: User "system:serviceaccount:ml:airflow" cannot get resource "pods"'


@pytest.mark.parametrize(
    "trouble", [ProtocolError("Connection aborted."), OSError(111, "refused"), refusal(503), refusal(403, NO_RIGHT)]
)
def test_what_passes_is_asked_again(trouble: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """A server that has just started answers 403, for it has not read the roles yet."""
    client = Client(trouble, trouble, trouble)
    client.pods().remove("p")
    assert client.asked == 4
    assert len(caplog.messages) == 1


def test_expired_credentials_are_renewed() -> None:
    client = Client(refusal(401))
    client.pods().remove("p")
    assert (client.asked, client.renewed) == (2, 1)


def test_a_pod_that_is_gone_needs_no_removal_and_one_that_is_there_no_start() -> None:
    Client(refusal(404)).pods().remove("p")
    assert not Client(refusal(409, "AlreadyExists")).pods().start({"metadata": {"name": "p"}})


@pytest.mark.parametrize(
    ("status", "message", "said"),
    [
        (403, 'pods "p" is forbidden: exceeded quota: ml, requested: limits.memory=4Gi', "exceeded quota: ml"),
        (403, 'pods "p" is forbidden: violates PodSecurity "restricted:latest"', "violates PodSecurity"),
        (422, 'Pod "p" is invalid: spec.containers[0].image: Required value', "Required value"),
        (403, "", "403 Reason"),
    ],
)
def test_what_is_forbidden_is_told_at_once_in_the_clusters_words(status: int, message: str, said: str) -> None:
    client = Client(refusal(status, message))
    with pytest.raises(ClusterRefused, match=said):
        client.pods().start({"metadata": {"name": "p"}})
    assert client.asked == 1


def test_a_quota_that_still_counts_the_pod_before_is_asked_again() -> None:
    quota = refusal(403, 'pods "p" is forbidden: exceeded quota: ml, requested: limits.memory=4Gi')
    client = Client(quota, quota)
    assert client.pods().start({"metadata": {"name": "p"}}, follows_another=True)
    assert client.asked == 3


@pytest.mark.parametrize("trouble", [TransportError("metadata.google.internal"), ServiceUnavailable("try again")])
def test_google_cloud_is_asked_again_as_the_cluster_is(trouble: Exception) -> None:
    """A token is fetched anew while a pod runs, and the cluster's address where a worker begins."""
    client = Client(trouble, trouble)
    client.pods().remove("p")
    assert client.asked == 3


def test_credentials_that_google_cloud_refuses_are_told_a_minute_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "DENIED_SECONDS", 0.01)
    with pytest.raises(ClusterRefused, match="invalid_grant"):
        Client(*[RefreshError("invalid_grant")] * 100_000).pods().remove("p")
    client = Client(*[PermissionDenied("container.clusters.get")] * 2)
    with pytest.raises(ClusterRefused, match=r"container\.clusters\.get"):
        client.pods().remove("p")
    assert client.asked == 1


def test_patience_ends_some_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.02)
    monkeypatch.setattr(patience, "DENIED_SECONDS", 0.01)
    with pytest.raises(ClusterUnreachable, match="gave no answer"):
        Client(*[OSError("refused")] * 100_000).pods().remove("p")
    with pytest.raises(ClusterRefused, match="cannot get"):
        Client(*[refusal(403, NO_RIGHT)] * 100_000).pods().remove("p")


def test_a_pod_that_is_there_already_is_taken_for_the_one_that_was_started() -> None:
    client = Client(refusal(409, "AlreadyExists"))
    assert not client.pods().start({})
    assert client.asked == 1


def test_a_quota_that_changed_meanwhile_is_asked_again() -> None:
    client = Client(refusal(409, "Operation cannot be fulfilled on resourcequotas: the object has been modified"))
    assert client.pods().start({})
    assert client.asked == 2
