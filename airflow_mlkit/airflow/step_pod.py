"""A step's pods in a cluster: found, started, looked at, released, though the API server may be away for a while."""

from __future__ import annotations

import json
import logging
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from kubernetes.client import ApiException, CoreV1Api
from urllib3.exceptions import HTTPError

from airflow_mlkit.plan.pod import FINALIZER, LABEL
from airflow_mlkit.pods.verdict import Pod

log = logging.getLogger("airflow_mlkit.pods")

PATIENCE_SECONDS = 900.0
"""How long the API server may be away. The pod runs on meanwhile."""

DENIED_SECONDS = 60.0
"""How long a right may be missing: an API server that has just started knows nobody's for a moment."""

PAUSE_SECONDS = 2.0
OWNER = f"{LABEL}/owner"
"""The annotation that names the try of the task to which a pod belongs."""

_PASSING = (408, 409, 429, 500, 502, 503, 504)
_EXPIRED, _FORBIDDEN, _NOT_FOUND, _CONFLICT = 401, 403, 404, 409
_NO_RIGHT = re.compile(r'User ".*" cannot ')
"""How a missing right is told; a quota and a policy are Forbidden too."""

Answer = TypeVar("Answer")


class ClusterUnreachable(Exception):  # noqa: N818  # named for what happened, as Airflow's own
    """Raised when the API server gave no answer for `PATIENCE_SECONDS`."""


class ClusterRefused(Exception):  # noqa: N818
    """Raised when the API server forbids what was asked, or cannot make sense of it; in its own words."""


@dataclass(frozen=True)
class StepPods:
    """The pods of one step of one run.

    `client` gives a client; after `renew`, one with fresh credentials. `labels` are those that all of them have.
    """

    client: Callable[[], CoreV1Api]
    renew: Callable[[], None]
    namespace: str
    labels: Mapping[str, str]

    def find(self) -> list[Pod]:
        """Those that are there, oldest first, whatever became of them."""
        selector = ",".join(f"{key}={value}" for key, value in sorted(self.labels.items()))
        found = self._ask(lambda client: client.list_namespaced_pod(self.namespace, label_selector=selector))
        pods: list[Pod] = [self._plain(pod) for pod in found.items] if found else []
        return sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def start(self, pod: Pod) -> None:
        """Start a pod. One that is there already, by an answer that got lost, is taken for it.

        Raises:
            ClusterRefused: when it is forbidden, by a policy or a quota, or is no pod that could be.
        """
        self._ask(lambda client: client.create_namespaced_pod(self.namespace, pod), known=_CONFLICT)

    def read(self, name: str) -> Pod | None:
        """A pod as it is now; None when it is not there any more."""
        found = self._ask(lambda client: client.read_namespaced_pod(name, self.namespace))
        return self._plain(found) if found else None

    def claim(self, name: str, owner: str) -> None:
        """Note to which try of the task a pod belongs from now on."""
        body = {"metadata": {"annotations": {OWNER: owner}}}
        self._ask(lambda client: client.patch_namespaced_pod(name, self.namespace, body))

    def remove(self, name: str, grace: int | None = None) -> None:
        """Let a pod go, with the finalizer that kept it.

        Args:
            name: the pod's.
            grace: seconds that its step has to end in; the pod's own when not given.
        """
        options = {} if grace is None else {"grace_period_seconds": grace}
        self._ask(lambda client: client.delete_namespaced_pod(name, self.namespace, **options))
        self._ask(lambda client: client.patch_namespaced_pod(name, self.namespace, _WITHOUT_FINALIZER))

    def _ask(self, question: Callable[[CoreV1Api], Answer], known: int = _NOT_FOUND) -> Answer | None:
        """The API server's answer, however long it is away; None where it answers `known`."""
        began: dict[float, float] = {}
        while True:
            try:
                return question(self.client())
            except ApiException as error:
                if error.status == known:
                    return None
                if error.status == _EXPIRED:
                    self.renew()
                trouble: Exception = error
            except (HTTPError, OSError) as error:
                trouble = error
            patience = _patience_with(trouble)
            now = time.monotonic()
            if patience not in began and patience:
                log.warning("The cluster does not answer; the pod runs on. %s", _words_of(trouble))
            if now - began.setdefault(patience, now) >= patience:
                raise _give_up(trouble, patience) from None
            time.sleep(PAUSE_SECONDS)

    def _plain(self, pod: Any) -> Pod:
        plain: Pod = self.client().api_client.sanitize_for_serialization(pod)
        return plain


_WITHOUT_FINALIZER = {"metadata": {"$deleteFromPrimitiveList/finalizers": [FINALIZER]}}
"""A strategic merge patch that leaves other people's finalizers alone."""


def make_pod_name(project: str, step: str) -> str:
    """A new name for a step's pod: at most 63 characters, as a host name has."""
    return f"{project[:40]}-{step}-{secrets.token_hex(4)}"


def _patience_with(trouble: Exception) -> float:
    """How long it is worth asking again, in seconds; 0 where the answer will stay the same."""
    if not isinstance(trouble, ApiException) or trouble.status in _PASSING:
        return PATIENCE_SECONDS
    is_denied = trouble.status == _FORBIDDEN and _NO_RIGHT.search(_words_of(trouble))
    return DENIED_SECONDS if trouble.status == _EXPIRED or is_denied else 0.0


def _give_up(trouble: Exception, patience: float) -> Exception:
    if patience == PATIENCE_SECONDS:
        return ClusterUnreachable(f"The cluster gave no answer for {patience:.0f} seconds: {_words_of(trouble)}")
    return ClusterRefused(_words_of(trouble))


def _words_of(trouble: Exception) -> str:
    """What the API server said: its answer is a Status, but a proxy's is not. Else what happened on the way."""
    if not isinstance(trouble, ApiException):
        return next(iter(str(trouble).splitlines()), type(trouble).__name__)
    try:
        return str(json.loads(trouble.body)["message"])
    except (KeyError, TypeError, ValueError):
        return f"{trouble.status} {trouble.reason}"
