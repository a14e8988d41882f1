"""How long it is worth asking an API server again that gives no useful answer, and what it said meanwhile."""

from __future__ import annotations

import logging
import sys
import time

from airflow_mlkit.cluster.refusal import NO_RIGHT, words_of
from airflow_mlkit.extras import find_errors

log = logging.getLogger("airflow_mlkit.pods")

PATIENCE_SECONDS = 900.0
"""How long the API server may be away. The pod runs on meanwhile."""

DENIED_SECONDS = 60.0
"""How long a right may be missing: an API server that has just started knows nobody's for a moment."""

PAUSE_SECONDS = 2.0

_PASSING = (408, 409, 429, 500, 502, 503, 504)
_EXPIRED, _FORBIDDEN = 401, 403


class ClusterUnreachable(Exception):  # noqa: N818  # named for what happened, as Airflow's own
    """Raised when the API server gave no answer for `PATIENCE_SECONDS`."""


class ClusterRefused(Exception):  # noqa: N818
    """Raised when the API server forbids what was asked, or cannot make sense of it; in its own words."""


class Patience:
    """With one question to an API server."""

    def __init__(self, *, with_quota: bool = False) -> None:
        self._with_quota = with_quota
        self._began: dict[float, float] = {}

    def bear(self, trouble: Exception) -> None:
        """Decide whether to ask again.

        Args:
            trouble: an ApiException of either client of Kubernetes, or what happened on the way.

        Raises:
            ClusterRefused: when it would be refused again.
            ClusterUnreachable: when there was no answer for too long.
        """
        patience = self._with(trouble)
        now = time.monotonic()
        if patience not in self._began and patience:
            log.warning("The cluster does not answer; the pod runs on. %s", words_of(trouble))
        if now - self._began.setdefault(patience, now) < patience:
            return
        if patience == PATIENCE_SECONDS:
            raise ClusterUnreachable(f"The cluster gave no answer for {patience:.0f} seconds: {words_of(trouble)}")
        raise ClusterRefused(words_of(trouble))

    def forget(self) -> None:
        """There was an answer."""
        self._began.clear()

    def _with(self, trouble: Exception) -> float:
        """How long it is worth asking again, in seconds; 0 where the answer will stay the same."""
        status = status_of(trouble)
        if status is None or status in _PASSING:
            return PATIENCE_SECONDS if is_on_the_way(trouble) else DENIED_SECONDS
        words = words_of(trouble)
        is_counted_still = self._with_quota and "exceeded quota" in words
        is_denied = status == _FORBIDDEN and (NO_RIGHT.search(words) or is_counted_still)
        return DENIED_SECONDS if status == _EXPIRED or is_denied else 0.0


def has_expired(trouble: Exception) -> bool:
    """Whether the credentials are not valid any more."""
    return status_of(trouble) == _EXPIRED


def status_of(trouble: Exception) -> int | None:
    """The status of HTTP with which a cluster, or Google Cloud on the way to it, has answered; None without an answer.

    Clients of Kubernetes keep it as `status`, google.api_core as `code`.
    """
    given = (getattr(trouble, name, None) for name in ("status", "code"))
    return next((int(status) for status in given if isinstance(status, int)), None)


def is_on_the_way(trouble: Exception) -> bool:
    """Whether it may take long until it is over: no answer at all, and not credentials that are missing or refused."""
    auth = sys.modules.get("google.auth.exceptions")
    return auth is None or not isinstance(trouble, auth.GoogleAuthError) or isinstance(trouble, auth.TransportError)


def cluster_errors() -> tuple[type[Exception], ...]:
    """What clients of Kubernetes raise, and those of Google Cloud that lead to a cluster there, as far as loaded."""
    libraries = find_errors(
        ("kubernetes.client", "ApiException"),
        ("kubernetes_asyncio.client", "ApiException"),
        ("urllib3.exceptions", "HTTPError"),
        ("aiohttp", "ClientError"),
        ("google.auth.exceptions", "GoogleAuthError"),
        ("google.api_core.exceptions", "GoogleAPICallError"),
    )
    return (OSError, *libraries)
