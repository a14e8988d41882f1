"""A container's log, followed line by line: each line once, in order, whatever is in between away for a while."""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime

from kubernetes.client import ApiException, CoreV1Api
from urllib3.exceptions import HTTPError

from airflow_mlkit.plan.pod import CONTAINER

log = logging.getLogger("airflow_mlkit.pods")

PAUSE_SECONDS = 1.0
MAX_LINE = 1 << 16
"""A longer line is cut: one without an end would fill the worker's memory."""

MAX_LINES = 200_000
"""Of a log that is read as a whole: a node may have been told to keep more than a worker can hold."""

_CHUNK = 1 << 16
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
"""With which each line of a container begins, as the kubelet writes it."""
_LATEST = 50
"""In how many lines the last one is looked for; a library may have a word after it."""
_BEGINNING = 200
"""How many lines are kept, by which the beginning is known."""
_READ_SECONDS = 300


class PodLog:
    """Follows the log of a step's pod in a thread of its own.

    Args:
        client: makes a client, anew after the credentials have expired.
        namespace: the pod's.
        pod: its name.
        say: called with each line.
    """

    def __init__(self, client: Callable[[], CoreV1Api], namespace: str, pod: str, say: Callable[[str], None]) -> None:
        self._client, self._namespace, self._pod, self._say = client, namespace, pod, say
        self._last = ""
        self.beginning: list[str] = []
        self._moved = 0.0
        self._has_read_to_its_end = False
        self._latest: deque[str] = deque(maxlen=_LATEST)
        self._has_ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"mlkit-log-{pod}", daemon=True)
        self._thread.start()

    def finish(self, seconds: float = 15.0, last: str | None = None) -> bool:
        """Wait for the rest of the log of a pod that has ended; a node that died keeps it.

        Args:
            seconds: how long at most after the last line that came.
            last: what stands in its last line, where that is known: the node says seconds later that it was the last.

        Returns:
            Whether the end was seen.
        """
        self._has_ended.set()
        until = time.monotonic() + seconds
        while self._thread.is_alive() and time.monotonic() < max(until, self._moved + seconds):
            if self._has_said(last):
                return True
            self._thread.join(0.05)
        return self._has_said(last) if last else self._has_read_to_its_end and not self._thread.is_alive()

    def _has_said(self, last: str | None) -> bool:
        return last is not None and any(last in line for line in self._latest.copy())

    def _follow(self) -> None:
        while True:
            ended_before = self._has_ended.is_set()
            self._has_read_to_its_end = False
            with suppress(ApiException, HTTPError, OSError):
                self._read()
                self._has_read_to_its_end = True
            if ended_before:
                return
            self._has_ended.wait(PAUSE_SECONDS)

    def _read(self) -> None:
        """One reading: from the second of the last line on, and nothing of what was said already."""
        since = {"since_seconds": _seconds_since(self._last)} if self._last else {}
        answer = self._client().read_namespaced_pod_log(
            self._pod,
            self._namespace,
            container=CONTAINER,
            follow=True,
            timestamps=True,
            _preload_content=False,
            _request_timeout=(10, _READ_SECONDS),
            **since,
        )
        with answer:
            for line in cut_lines(answer.stream(_CHUNK)):
                moment, _, text = line.partition(" ")
                if not _MOMENT.match(moment):  # the node's own word: it cannot read the log, or not any more
                    self._say(line)
                elif moment > self._last:
                    self._last = moment
                    self._moved = time.monotonic()
                    if len(self.beginning) < _BEGINNING:
                        self.beginning.append(text)
                    self._say(text)
                    self._latest.append(text)


def read_pod_log(client: Callable[[], CoreV1Api], namespace: str, pod: str, seconds: float) -> list[str]:
    """What the node has of the log of a pod that has ended; what it gives within some seconds.

    Args:
        client: as of `PodLog`.
        namespace: the pod's.
        pod: its name.
        seconds: how long to wait for a node that does not answer.
    """
    lines: deque[str] = deque(maxlen=MAX_LINES)
    PodLog(client, namespace, pod, lines.append).finish(seconds)
    return list(lines)


def cut_lines(chunks: Iterator[bytes]) -> Iterator[str]:
    """The lines of a stream; what is longer than `MAX_LINE` bytes is cut and says so."""
    rest, is_cut = b"", False
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if not is_cut:
                yield _text(line)
            is_cut = False
        if len(rest) > MAX_LINE:
            if not is_cut:
                yield f"{_text(rest[:MAX_LINE])} ... (longer than {MAX_LINE >> 10} KiB; the rest is left out)"
            rest, is_cut = b"", True
    if rest and not is_cut:
        yield _text(rest)


def _text(line: bytes) -> str:
    return line.decode("utf-8", errors="backslashreplace").rstrip("\r")


def _seconds_since(moment: str) -> int:
    """The API takes whole seconds only; one more, for two clocks."""
    then = datetime.fromisoformat(f"{moment[:19]}+00:00")
    return max(1, math.ceil(time.time() - then.astimezone(UTC).timestamp()) + 1)
