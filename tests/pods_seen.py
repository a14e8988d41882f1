"""The steps' pods of a namespace as the cluster itself tells of them, whatever the kit writes down."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubernetes import client, config, watch

from airflow_mlkit.plan.pod import FINALIZER, LABEL, MANAGED, label_value

_SELECTOR = ",".join(f"{key}={value}" for key, value in MANAGED.items())
_WATCH_SECONDS = 60
_PAUSE_SECONDS = 0.5

Step = tuple[str, str, str, str]
"""The labels of a project, of a run, of a step, and of the installation whose run it is."""


class PodsSeen:
    """Which pods worked on each step of each run, and how many at once.

    One that was started ahead counts from when its task has claimed it; one that is being deleted does not any more.
    """

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._pods = client.CoreV1Api(config.new_client_from_config(str(kubeconfig)))
        self._namespace, self._is_over = namespace, threading.Event()
        self._alive: dict[Step, set[str]] = defaultdict(set)
        self._seen: dict[Step, set[str]] = defaultdict(set)
        self._most: dict[Step, int] = defaultdict(int)

    def names_of(self, project: str, run_id: str, step: str) -> set[str]:
        """Of all pods that ever worked on a step."""
        known = (project, label_value(run_id), step)
        return {name for key, names in self._seen.items() if key[:3] == known for name in names}

    @property
    def beside_each_other(self) -> dict[Step, int]:
        """The steps that more than one pod worked on at once, and how many."""
        return {step: number for step, number in self._most.items() if number > 1}

    def watch(self) -> None:
        """Look, until told to end; again from the beginning when the API server was away."""
        while not self._is_over.is_set():
            try:
                self._watch_once()
            except Exception:  # noqa: BLE001  # it is killed in some tests, and its answers may be cut off anywhere
                self._is_over.wait(_PAUSE_SECONDS)

    def end(self) -> None:
        """Look no more, soon."""
        self._is_over.set()

    def _watch_once(self) -> None:
        asked = {"label_selector": _SELECTOR, "timeout_seconds": _WATCH_SECONDS, "_request_timeout": 2 * _WATCH_SECONDS}
        self._alive.clear()  # what there is comes first
        for event in watch.Watch().stream(self._pods.list_namespaced_pod, self._namespace, **asked):
            if self._is_over.is_set():
                return
            self._take(event["type"], event["raw_object"])

    def _take(self, kind: str, pod: Mapping[str, Any]) -> None:
        metadata, labels = pod["metadata"], pod["metadata"]["labels"]
        project, run, name, place = (labels[f"{LABEL}/{each}"] for each in ("project", "run", "step", "place"))
        step = (project, run, name, place)
        if FINALIZER in (metadata.get("finalizers") or ()):
            self._seen[step].add(metadata["name"])
        if kind != "DELETED" and _works(pod):
            self._alive[step].add(metadata["name"])
        else:
            self._alive[step].discard(metadata["name"])
        self._most[step] = max(self._most[step], len(self._alive[step]))


def _works(pod: Mapping[str, Any]) -> bool:
    metadata = pod["metadata"]
    is_asked = FINALIZER in (metadata.get("finalizers") or ()) and not metadata.get("deletionTimestamp")
    return is_asked and pod["status"].get("phase") in ("Pending", "Running")


@contextmanager
def watch_pods(kubeconfig: Path, namespace: str) -> Iterator[PodsSeen]:
    """Watch a namespace for a while."""
    seen = PodsSeen(kubeconfig, namespace)
    threading.Thread(target=seen.watch, daemon=True).start()
    try:
        yield seen
    finally:
        seen.end()
