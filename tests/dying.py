"""Processes that are killed before one of their writes, and their healthy siblings.

A write is a call of MLflow's client that changes something, and each act of a create-only write: the link of the
temporary file, its removal, the request to a bucket.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from airflow_mlkit.registry.patient_client import PatientClient

Act = Callable[..., None]

_CHANGES = ("create_", "set_", "log_", "delete_")

FORKS = multiprocessing.get_context("forkserver")
"""Processes that begin with MLflow imported: spawned ones would spend seconds on it, each."""

FORKS.set_forkserver_preload(
    ["tests.promoting", "mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store"]
)


def start(act: Act, *arguments: Any, killed_before: int | None = None) -> BaseProcess:
    """Start a process that does `act`, and is killed before its n-th write; never when n is None."""
    process = FORKS.Process(target=_run, args=(dict(os.environ), act, arguments, killed_before))
    process.start()
    return process


def run(act: Act, *arguments: Any, killed_before: int | None = None) -> bool:
    """The same, to its end. Returns whether it was killed.

    Raises:
        AssertionError: when it ended in another way.
    """
    return was_killed(start(act, *arguments, killed_before=killed_before))


def was_killed(process: BaseProcess) -> bool:
    """Wait for a process. Returns whether it was killed."""
    process.join(timeout=120)
    assert process.exitcode in (0, -signal.SIGKILL), f"{process} ended with {process.exitcode}"
    return process.exitcode != 0


def _run(environment: dict[str, str], act: Act, arguments: tuple[Any, ...], killed_before: int | None) -> None:
    os.environ.clear()
    os.environ.update(environment)
    if killed_before is not None:
        _watch_writes(_Countdown(killed_before))
    act(*arguments)


class _Countdown:
    """Kills this very process the n-th time that it is called."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _watch_writes(tick: _Countdown) -> None:
    importlib.import_module("airflow_mlkit.rundir")
    place = sys.modules["airflow_mlkit.rundir.create_only"]
    linking = place._is_linked

    def link(temporary: Path, path: Path) -> bool:
        tick()
        linked: bool = linking(temporary, path)
        tick()
        return linked

    place._is_linked = link
    place._put = _counted(place._put, tick)
    found = PatientClient.__getattr__
    PatientClient.__getattr__ = lambda client, name: (  # type: ignore[method-assign]
        _counted(found(client, name), tick) if name.startswith(_CHANGES) else found(client, name)
    )


def _counted(act: Callable[..., Any], tick: _Countdown) -> Callable[..., Any]:
    @wraps(act)
    def counted(*arguments: Any, **options: Any) -> Any:
        tick()
        return act(*arguments, **options)

    return counted
