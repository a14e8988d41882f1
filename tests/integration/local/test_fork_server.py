"""Processes that are forked from one that has loaded their libraries."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import TimeoutExpired

import psutil
import pytest

from airflow_mlkit.local.fork_server import IS_POSSIBLE, ForkedProcess, ForkServer
from airflow_mlkit.project import load_project
from airflow_mlkit.steps.preload import find_libraries
from tests.projects import build_project
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(not IS_POSSIBLE, reason="processes are forked on Linux only")

MLKIT = [sys.executable, "-m", "airflow_mlkit"]


@pytest.fixture
def server() -> Iterator[ForkServer]:
    served = ForkServer(sys.executable, {"extract": ["json"]})
    yield served
    served.close()


def ask(server: ForkServer, printed: Path, *arguments: str) -> ForkedProcess:
    with printed.open("wb") as output:
        return server.start([*MLKIT, *arguments], output)


def test_each_prints_to_its_own_file_and_has_its_own_exit_code(server: ForkServer, tmp_path: Path) -> None:
    good, bad = (
        ask(server, tmp_path / "good", "--version"),
        ask(server, tmp_path / "bad", "step", "nothing", "--run-dir", "."),
    )
    assert [good.wait(60), bad.wait(60)] == [0, 2]
    assert (tmp_path / "good").read_text().startswith("mlkit ")
    assert "error" in (tmp_path / "bad").read_text()
    assert good.pid != bad.pid


def test_it_has_what_the_server_has_loaded_and_a_session_of_its_own(server: ForkServer, tmp_path: Path) -> None:
    process = ask(server, tmp_path / "printed", "schema", "pipeline")
    wait_until(lambda: process.poll() is not None or process.pid, 60)
    assert process.wait(60) == 0
    assert process.pid is not None
    assert not psutil.pid_exists(process.pid)


def test_one_that_is_killed_says_by_what(server: ForkServer, tmp_path: Path) -> None:
    build_project(tmp_path / "cards", rows=10)
    waits = ("step", "extract", "--project", str(tmp_path / "cards"), "--run-dir", str(tmp_path / "run"))
    process = ask(server, tmp_path / "printed", *waits, "--when-asked", "60")
    wait_until(lambda: process.poll() is None and process.pid, 60)
    with pytest.raises(TimeoutExpired):
        process.wait(0.5)
    assert process.pid is not None
    assert os.getsid(process.pid) == process.pid
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL


def test_one_that_is_stopped_before_it_was_forked_never_is(tmp_path: Path) -> None:
    slow = ForkServer(sys.executable, {"validate": []})
    process = ask(slow, tmp_path / "printed", "--version")
    process.terminate()
    assert process.wait(10) == -signal.SIGTERM
    assert (tmp_path / "printed").read_bytes() == b""


def test_where_the_server_has_died_it_is_started_without(tmp_path: Path) -> None:
    server = ForkServer("false", {"extract": []})
    process = ask(server, tmp_path / "printed", "--version")
    assert process.wait(60) == 0
    assert (tmp_path / "printed").read_text().startswith("mlkit ")


def test_what_a_workflow_imports_is_loaded_and_the_workflow_is_not(tmp_path: Path) -> None:
    folder = build_project(tmp_path / "cards", rows=10)
    (folder / "cards" / "broken.py").write_text("import (\n")
    (folder / "cards" / "more.py").write_text("import cards.workflow\nfrom . import broken\nimport sched as s, wave\n")
    (folder / "beside.py").write_text("raise SystemExit\n")
    (folder / "cards" / "stray.py").write_text("import beside\n")
    project = load_project(folder)
    found = find_libraries(project, "train")
    assert {"sched", "wave", "airflow_mlkit"} <= set(found)
    assert not [name for name in found if name.startswith(("cards", "beside"))]
    assert find_libraries(project, "promote")[0] == "mlflow"
    assert find_libraries(project, "extract") == []
