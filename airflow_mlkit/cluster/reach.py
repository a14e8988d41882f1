"""Whether the places of an environment answer from this machine. From a pod it may be otherwise, and that is said."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException
from urllib.parse import urlsplit

from airflow_mlkit.cluster.finding import Finding, Level
from airflow_mlkit.exceptions import MLKitError
from airflow_mlkit.rundir.place import open_place, store_errors
from airflow_mlkit.spec.environment import PodEnvironment

PATIENCE_SECONDS = 5.0
_ASKED = "api/2.0/mlflow/experiments/search?max_results=1"
"""As a step would. MLflow answers /health to those whom it refuses everything else."""

_INVALID_HOST = b"Invalid Host header"
_ELSEWHERE = "Steps and Airflow must reach it; this machine need not."


def look_from_here(place: PodEnvironment) -> Callable[[], Iterator[Finding]]:
    """Begin to ask the run directory's place and MLflow, both at once, for some seconds.

    Returns:
        What waits for the answers, and tells them.
    """
    asked = [
        _Look("runs", place.runs, lambda: _find_trouble_with_runs(place)),
        _Look("mlflow", place.mlflow, lambda: _find_trouble_with_mlflow(place.mlflow)),
    ]
    for each in asked:
        each.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    return lambda: (each.tell(deadline) for each in asked)


class _Look(threading.Thread):
    """A look from here. A library may wait for minutes: then it is left behind, and ends with this process."""

    def __init__(self, about: str, where: str, find_trouble: Callable[[], Finding | str | None]) -> None:
        super().__init__(daemon=True)
        self._about, self._where, self._find_trouble = about, where, find_trouble
        self._trouble: Finding | str | None = f"gives no answer within {PATIENCE_SECONDS:.0f} seconds"

    def run(self) -> None:
        self._trouble = self._find_trouble()

    def tell(self, deadline: float) -> Finding:
        self.join(max(0.0, deadline - time.monotonic()))
        if isinstance(self._trouble, Finding):
            return self._trouble
        if self._trouble is None:
            said = f"{self._where} answers from here; from a pod it was not tried."
            return Finding(level=Level.FINE, about=self._about, said=said)
        said = f"{self._where} {self._trouble}, from here. {_ELSEWHERE}"
        return Finding(level=Level.NOT_LOOKED_AT, about=self._about, said=said)


def _find_trouble_with_runs(place: PodEnvironment) -> str | None:
    if "://" not in place.runs:
        return "lies on the volume, and cannot be seen"
    try:
        bucket = open_place(place.runs)
        bucket.fs.ls(bucket.path.strip("/").partition("/")[0], detail=False)
    except FileNotFoundError:
        return "has no such bucket, or none that you may see"
    except MLKitError as error:
        return f"was not tried ({error.message.rstrip('.')})"
    except store_errors() as error:
        return f"does not answer ({_shorten(error)})"
    except Exception as error:  # noqa: BLE001  # gcsfs and its login raise what they like, in a thread that nobody reads
        return f"does not answer ({type(error).__name__}: {_shorten(error)})"
    return None


def _find_trouble_with_mlflow(uri: str) -> Finding | str | None:
    """What is wrong with an MLflow; a finding where a pod would meet it too."""
    if urlsplit(uri).scheme not in ("http", "https"):
        return "is no server that could be asked"
    try:
        with urllib.request.urlopen(f"{uri.rstrip('/')}/{_ASKED}", timeout=PATIENCE_SECONDS - 1):  # noqa: S310
            return None
    except urllib.error.HTTPError as error:
        if error.code == 403 and _INVALID_HOST in error.read(1024):
            return _describe_refused_host(uri)
        wants_login = error.code in (401, 403)
        return None if wants_login else f"answers {error.code}"
    except (OSError, ValueError, HTTPException) as error:
        return f"does not answer ({_shorten(error)})"


def _describe_refused_host(uri: str) -> Finding:
    """MLflow 3 lets itself be called localhost or by a private address, and by no name unless it is told."""
    host = urlsplit(uri).netloc
    todo = (
        f"Start MLflow with --allowed-hosts={host}, or with MLFLOW_SERVER_ALLOWED_HOSTS={host} in its environment. "
        "Commas separate several; they take the place of localhost and the private addresses."
    )
    said = f"{uri} refuses whoever calls it {host} (Invalid Host header), so every step too."
    return Finding(level=Level.PROBLEM, about="mlflow", said=said, todo=todo)


def _shorten(error: Exception) -> str:
    return next(iter(str(getattr(error, "reason", None) or error).splitlines()), type(error).__name__)[:120]
