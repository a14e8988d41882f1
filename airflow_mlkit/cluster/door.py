"""The way to a cluster with a person's own credentials: found in a kubeconfig, asked, and told in sentences."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import config
from kubernetes.client import ApiClient, ApiException, Configuration
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from urllib3.exceptions import HTTPError

from airflow_mlkit.cluster.refusal import NO_RIGHT, words_of
from airflow_mlkit.exceptions import ClusterError, UserError

Json = dict[str, Any]
"""An object of Kubernetes' API."""

TIMEOUT_SECONDS = (5.0, 10.0)
"""To connect, and to be answered: a person waits for it."""

_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
"""An object without its content: a Secret is looked for, and not read."""

_ANONYMOUS = 'User "system:anonymous" '
"""Whom a cluster takes for nobody, instead of asking who it is."""

_POD_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_LOGIN = "Log in again, as you do for kubectl; `kubectl get pods` says the same."


class Denied(Exception):  # noqa: N818  # named for what happened
    """Raised when the person has no right to ask; `right` says which, such as `list nodes`."""

    def __init__(self, right: str) -> None:
        super().__init__(right)
        self.right = right


class Missing(Exception):  # noqa: N818
    """Raised when what was asked for is not there; in the cluster's words."""


class Refused(Exception):  # noqa: N818
    """Raised when the cluster would not take what it was given; in its own words."""


@dataclass(frozen=True)
class Door:
    """A cluster that can be asked.

    Attributes:
        context: of the kubeconfig; empty inside a pod of the cluster.
    """

    client: ApiClient
    context: str

    @property
    def server(self) -> str:
        """The address of its API server."""
        return str(self.client.configuration.host)

    def get(self, path: str, *, metadata_only: bool = False) -> Json:
        """An object, or a list of them.

        Raises:
            Denied: when this person may not see it.
            Missing: when it is not there.
            ClusterError: when the cluster cannot be asked.
        """
        return self._ask("GET", path, accept=_METADATA if metadata_only else "application/json")

    def dry_run(self, namespace: str, pod: Mapping[str, Any]) -> None:
        """Let the API server look at a pod as if it were to start: admission, quota, policies. Nothing is started.

        Raises:
            Denied: when this person may not start pods.
            Missing: when the namespace is not there.
            Refused: when it would not take the pod.
            ClusterError: when the cluster cannot be asked.
        """
        # strictly: else a key that it does not know is dropped without a word
        strictly = [("dryRun", "All"), ("fieldValidation", "Strict")]
        self._ask("POST", f"/api/v1/namespaces/{namespace}/pods", body=dict(pod), query=strictly)

    def _ask(self, method: str, path: str, *, body: Any = None, query: Any = None, accept: str = "*/*") -> Json:
        headers = {"Accept": accept, "Content-Type": "application/json"}
        try:
            self.client.update_params_for_auth(headers, [], ["BearerToken"])
            answer = self.client.request(
                method,
                f"{self.server}{path}",
                query_params=query or [],
                headers=headers,
                body=body,
                _preload_content=False,
                _request_timeout=TIMEOUT_SECONDS,
            )
            found: Json = json.loads(answer.data)
        except ApiException as error:
            raise self._explain(error) from None
        except (HTTPError, OSError, ValueError) as error:
            raise self._unreachable(error) from None
        return found

    def _explain(self, error: ApiException) -> Exception:
        words = words_of(error)
        if error.status == 401 or _ANONYMOUS in words:
            return ClusterError(
                f"{self.server} does not know you: your credentials are missing, wrong or have expired.", hint=_LOGIN
            )
        if error.status == 403 and (denied := NO_RIGHT.search(words)):
            return Denied(f"{denied['verb']} {denied['what']}")
        if error.status == 404:
            return Missing(words)
        if not error.status:  # this is how the client tells of a certificate
            return self._unreachable(error)
        if error.status >= 500:
            return ClusterError(
                f"{self.server} answers with: {words}.", hint="Its API server may be starting. Try again in a minute."
            )
        return Refused(words)

    def _unreachable(self, error: Exception) -> ClusterError:
        return ClusterError(f"{self.server} {_describe_trouble(error)}.", hint=_hint_at(error))


def open_door(kubeconfig: Path | None = None, context: str | None = None) -> Door:
    """The cluster of a kubeconfig's context; inside a pod without one, the pod's own.

    Args:
        kubeconfig: what `--kubeconfig` names; KUBECONFIG, ~/.kube/config or the pod's account when not given.
        context: what `--context` names; the kubeconfig's current one when not given.

    Raises:
        UserError: when there is no kubeconfig, or it has no such context.
        ClusterError: when the command that logs in fails.
    """
    settings = Configuration()
    settings.retries = False
    if kubeconfig is None and context is None and not _find_files() and _POD_TOKEN.exists():
        config.load_incluster_config(client_configuration=settings)
        return Door(ApiClient(settings), "")
    known, current = _list_contexts(kubeconfig)
    chosen = context or current
    if chosen not in known:
        raise UserError(
            f"The kubeconfig has no context {chosen!r}; it has {', '.join(known) or 'none'}."
            if chosen
            else f"The kubeconfig names no current context; it has {', '.join(known) or 'none'}.",
            hint="Name one: --context.",
        )
    _log_in(settings, kubeconfig, chosen)
    return Door(ApiClient(settings), chosen)


def _log_in(settings: Configuration, kubeconfig: Path | None, context: str) -> None:
    """Read a context's credentials, or run the command that gets them, such as gke-gcloud-auth-plugin.

    The client goes on without credentials when that command fails, and only writes a line to the log.
    """
    told = _Told()
    logging.getLogger().addHandler(told)
    try:
        config.load_kube_config(_file_of(kubeconfig), context, settings, persist_config=False)
    except Exception as error:  # noqa: BLE001  # somebody's file: its loader lets through what its parts raise on it
        raise UserError(f"The context {context} of the kubeconfig cannot be used: {_first_line(error)}.") from None
    finally:
        logging.getLogger().removeHandler(told)
    if told.errors:
        raise ClusterError(f"The login of the context {context} failed: {told.errors[0]}.", hint=_LOGIN)


class _Told(logging.Handler):
    """Keeps the first line of each error that is logged."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.errors.append(record.getMessage().partition("\n")[0].rstrip(". "))


def list_contexts(kubeconfig: Path | None = None) -> list[str]:
    """The names of a kubeconfig's contexts; none where there is no kubeconfig."""
    return _list_contexts(kubeconfig)[0] if kubeconfig or _find_files() else []


def _list_contexts(kubeconfig: Path | None) -> tuple[list[str], str]:
    if kubeconfig and not kubeconfig.is_file():
        raise UserError(f"There is no kubeconfig {kubeconfig}.", hint="Correct --kubeconfig.")
    if not kubeconfig and not _find_files():
        raise UserError(
            "There is no kubeconfig: no cluster is known here.",
            hint="Name one: --kubeconfig. On GKE `gcloud container clusters get-credentials CLUSTER` makes one.",
        )
    files = [_read(path) for path in ([kubeconfig] if kubeconfig else _find_files())]
    names = [str(context["name"]) for file in files for context in file.get("contexts") or []]
    current = next((str(file["current-context"]) for file in files if file.get("current-context")), "")
    return list(dict.fromkeys(names)), current


def _read(path: Path) -> Json:
    try:
        loaded: Json = YAML(typ="safe", pure=True).load(path) or {}
        names = [context["name"] for context in loaded.get("contexts") or []]
    except (YAMLError, OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise UserError(f"{path} is no kubeconfig: {_first_line(error)}.") from None
    return loaded if names else {}


def _find_files() -> list[Path]:
    named = os.environ.get("KUBECONFIG") or "~/.kube/config"
    return [path for path in (Path(each).expanduser() for each in named.split(os.pathsep) if each) if path.is_file()]


def _file_of(kubeconfig: Path | None) -> str:
    """Read afresh: the client keeps what KUBECONFIG was when it was imported."""
    return str(kubeconfig) if kubeconfig else os.pathsep.join(map(str, _find_files()))


def _describe_trouble(error: Exception) -> str:
    said = str(error)
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return "is no API server of Kubernetes: its answer is no JSON"
    if "CERTIFICATE_VERIFY_FAILED" in said or "certificate verify failed" in said:
        return "has a certificate that the kubeconfig does not know"
    if "timed out" in said:
        return f"gives no answer within {TIMEOUT_SECONDS[0]:.0f} seconds"
    if "refused" in said:
        return "refuses the connection: no API server listens there"
    if "resolve" in said or "not known" in said:
        return "is no host that is known from here"
    return f"cannot be reached: {_first_line(error).rstrip('.')}"


def _hint_at(error: Exception) -> str:
    if "certificate" in str(error).lower():
        return "Get its kubeconfig anew. A proxy that looks into connections needs its own certificate there too."
    return "Is it up, is this the right context (--context), and does the way there need a VPN or a bastion?"


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
