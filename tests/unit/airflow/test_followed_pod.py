"""A worker waits for a step's result, and for the pod only where there is none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from airflow_mlkit.airflow import followed_pod
from airflow_mlkit.airflow.followed_pod import FollowedPod
from airflow_mlkit.airflow.step_task import Asking
from airflow_mlkit.exceptions import RunDirectoryError
from airflow_mlkit.plan.pod import CONTAINER
from airflow_mlkit.pods.verdict import Cause
from airflow_mlkit.pods.watch import PodWatch
from airflow_mlkit.rundir import Outcome, RunDirectory, StepDirectory
from airflow_mlkit.rundir.tries import POD_VARIABLE

NAME = "cards-train-1"
OUT_OF_REACH = "here the node is out of reach"


class OnePod:
    """A pod as the cluster tells of it: it runs, and then it is gone."""

    def __init__(self) -> None:
        self.is_there = True

    def read(self, name: str) -> dict[str, Any] | None:
        """The pod."""
        running = {"name": CONTAINER, "state": {"running": {"startedAt": "2026-11-22T10:00:00Z"}}}
        status = {"phase": "Running", "containerStatuses": [running]}
        created = datetime.now(UTC).isoformat()
        described = {"metadata": {"name": name, "labels": {"mlkit.dev/size": "small"}, "creationTimestamp": created}}
        return {**described, "status": status} if self.is_there else None


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followed_pod, "POLL_SECONDS", 0.02)
    monkeypatch.setenv(POD_VARIABLE, NAME)


def publish(step: StepDirectory, log: str = "") -> None:
    attempt = step.begin(1)
    attempt.log.write_text(log)
    record = attempt.record(outcome=Outcome.DONE, exit_code=0, spec_hash="", files={})
    attempt.end(record)
    attempt.publish(record)


def follow(step: StepDirectory, pod: OnePod, said: list[str]) -> FollowedPod:
    watch = PodWatch(timedelta(minutes=1), said.append)
    return FollowedPod(pod, NAME, Asking("", 1, step, None), watch, said.append)  # type: ignore[arg-type]


def test_it_is_over_when_the_result_is_published_while_the_container_still_ends(tmp_path: Path) -> None:
    step = RunDirectory(tmp_path).step("train")
    followed = follow(step, OnePod(), [])
    assert followed.wait(0.1).cause is Cause.ALIVE
    threading.Timer(0.3, publish, [step]).start()
    verdict, record, outcome = followed.judge(followed.wait())
    assert verdict.cause is Cause.DONE
    assert outcome is not None
    assert record.ended == outcome.ended
    assert record.size == "small"


def test_a_result_of_another_pod_is_none_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = RunDirectory(tmp_path).step("train")
    monkeypatch.setenv(POD_VARIABLE, "cards-train-2")
    publish(step)
    pod = OnePod()
    followed = follow(step, pod, [])
    assert followed.wait(0.1).cause is Cause.ALIVE
    pod.is_there = False
    assert followed.wait().cause is Cause.DELETED


def test_a_run_directory_that_is_away_is_no_end_of_the_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RunDirectoryError("away")

    step = RunDirectory(tmp_path).step("train")
    publish(step)
    with monkeypatch.context() as patch:
        patch.setattr(StepDirectory, "published", refuse)
        assert follow(step, OnePod(), []).wait(0.1).cause is Cause.ALIVE
    assert follow(step, OnePod(), []).wait().cause is Cause.DONE


class OnePodAndItsLog(OnePod):
    """The API server, as far as a log is read from it: the node has its last lines only."""

    namespace = "ml"

    def __init__(self, *lines: str) -> None:
        super().__init__()
        self.lines = lines

    def client(self) -> Any:
        """Itself."""
        return self

    def read_namespaced_pod_log(self, *_: Any, **__: Any) -> Any:
        """The log."""
        answer = closing(BytesIO())
        answer.stream = lambda _: self._stream()  # type: ignore[attr-defined]
        return answer

    def _stream(self) -> Iterator[bytes]:
        for number, line in enumerate(self.lines):
            if line == OUT_OF_REACH:
                raise OSError("no route to host")
            yield f"2026-11-22T10:00:00.{number:09}Z {line}\n".encode()


@pytest.mark.parametrize(
    ("is_found", "printed", "said"),
    [
        (True, ["b", "done"], ["b", "done", followed_pod.HOLES, "a", "b", "done"]),
        (True, ["imports", "a", "b", "done"], ["imports", "a", "b", "done"]),
        (False, ["a", "b", "done"], ["a", "b", "done"]),
        (False, ["a", "b", OUT_OF_REACH], ["a", "b", followed_pod.HOLES, "a", "b", "done"]),
    ],
)
def test_a_log_with_a_hole_is_shown_again_from_the_run_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_found: bool, printed: list[str], said: list[str]
) -> None:
    """A worker that finds a pod after another one's death sees what its node has not rotated away."""
    monkeypatch.setattr(followed_pod, "_log_seconds", lambda _: 0.3)
    monkeypatch.setattr(followed_pod, "_last_line", lambda _: "done")
    step = RunDirectory(tmp_path).step("train")
    publish(step, "a\nb\ndone\n")
    lines: list[str] = []
    follow(step, OnePodAndItsLog(*printed), lines).stay(is_found=is_found)
    assert lines == said
