"""A pod that was started ahead waits for its task."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_mlkit.rundir import UNASKED_EXIT_CODE, RunDirectory, StepDirectory
from airflow_mlkit.rundir.tries import POD_VARIABLE
from airflow_mlkit.steps.asked import wait_until_asked


def test_it_begins_when_its_own_task_has_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = RunDirectory(tmp_path).step("extract")
    monkeypatch.setenv(POD_VARIABLE, "cards-extract-1")
    step.ask(1, "cards-extract-2")
    step.ask(2, "cards-extract-1")
    asking = threading.Timer(0.5, step.ask, (1, "cards-extract-1"))
    asking.start()
    wait_until_asked(step, 1, 30, iter(()))
    assert asking.finished.is_set()
    assert step.generations() == [1, 2]


def test_it_loads_until_it_is_asked(tmp_path: Path) -> None:
    step, loaded = RunDirectory(tmp_path).step("extract"), []

    def load() -> Iterator[str]:
        for name in ("pandas", "xgboost", "mlflow"):
            loaded.append(name)
            if name == "xgboost":
                step.ask(1, "")
            yield name

    wait_until_asked(step, 1, 30, load())
    assert loaded == ["pandas", "xgboost"]


def test_it_ends_when_nobody_comes(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        wait_until_asked(RunDirectory(tmp_path).step("extract"), 1, 0.1, iter(()))
    assert ended.value.code == UNASKED_EXIT_CODE


def test_a_store_that_is_away_for_a_moment_does_not_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[bool | Exception] = [ConnectionError("no route to host"), False, ConnectionError("reset"), True]

    def answer(*_: object) -> bool:
        given = answers.pop(0)
        if isinstance(given, Exception):
            raise given
        return given

    monkeypatch.setattr(StepDirectory, "is_asked", answer)
    wait_until_asked(RunDirectory(tmp_path).step("extract"), 1, 30, iter(()))
    assert answers == []
