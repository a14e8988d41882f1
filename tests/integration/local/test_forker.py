"""Processes that are forked from one that has loaded their libraries."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import TimeoutExpired

import psutil
import pytest

from airflow_mlkit.local.forker import IS_POSSIBLE, ForkedProcess, Forker
from airflow_mlkit.project import load_project
from airflow_mlkit.steps.preload import find_libraries
from tests.projects import build_project
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(not IS_POSSIBLE, reason="processes are forked on Linux only")

MLKIT = [sys.executable, "-m", "airflow_mlkit"]

MARK = f"mark-{os.getpid()}"
"""No library: what is forked has the command line of its server, and this is in it."""


@pytest.fixture
def forker() -> Iterator[Forker]:
    made = Forker(sys.executable, {"extract": ["json", MARK]})
    yield made
    made.close()


def ask(forker: Forker, printed: Path, *arguments: str) -> ForkedProcess:
    with printed.open("wb") as output:
        return forker.start([*MLKIT, *arguments], output)


def find_processes() -> list[psutil.Process]:
    """The servers of these tests and what they have forked, as far as it lives."""
    found = [each for each in psutil.process_iter(["cmdline"]) if MARK in " ".join(each.info["cmdline"] or [])]
    return [each for each in found if each.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture
def waiting(forker: Forker, tmp_path: Path) -> ForkedProcess:
    """A step that waits, forked."""
    build_project(tmp_path / "cards", rows=10)
    waits = ("step", "extract", "--project", str(tmp_path / "cards"), "--run-dir", str(tmp_path / "run"))
    process = ask(forker, tmp_path / "printed", *waits, "--when-asked", "60")
    wait_until(lambda: process.poll() is None and process.pid, 60)
    return process


def test_each_prints_to_its_own_file_and_has_its_own_exit_code(forker: Forker, tmp_path: Path) -> None:
    good, bad = (
        ask(forker, tmp_path / "good", "--version"),
        ask(forker, tmp_path / "bad", "step", "nothing", "--run-dir", "."),
    )
    assert [good.wait(60), bad.wait(60)] == [0, 2]
    assert (tmp_path / "good").read_text().startswith("mlkit ")
    assert "error" in (tmp_path / "bad").read_text()
    assert good.pid != bad.pid


def test_one_that_is_killed_says_by_what(waiting: ForkedProcess) -> None:
    with pytest.raises(TimeoutExpired):
        waiting.wait(0.5)
    assert waiting.pid is not None
    assert os.getsid(waiting.pid) == waiting.pid
    os.kill(waiting.pid, signal.SIGKILL)
    assert waiting.wait(30) == -signal.SIGKILL


def test_a_step_at_work_goes_on_without_its_server_and_is_not_begun_again(waiting: ForkedProcess) -> None:
    (server,) = [each for each in find_processes() if each.pid != waiting.pid]
    server.kill()
    server.wait(10)
    with pytest.raises(TimeoutExpired):
        waiting.wait(1)
    assert [each.pid for each in find_processes()] == [waiting.pid]
    waiting.terminate()
    assert waiting.wait(30) == 1
    assert find_processes() == []


@pytest.mark.parametrize("after", [0.0, 0.001, 0.002, 0.005, 0.02])
def test_one_that_is_stopped_while_it_is_forked_is_gone(forker: Forker, tmp_path: Path, after: float) -> None:
    assert ask(forker, tmp_path / "first", "--version").wait(60) == 0  # the server is awake
    build_project(tmp_path / "cards", rows=10)
    waits = ("step", "extract", "--project", str(tmp_path / "cards"), "--run-dir", str(tmp_path / "run"))
    process = ask(forker, tmp_path / "printed", *waits, "--when-asked", "60")
    time.sleep(after)
    process.terminate()
    assert process.wait(30)
    forker.close()
    assert find_processes() == []


def test_one_that_is_stopped_before_it_was_forked_never_is(tmp_path: Path) -> None:
    forker = Forker(sys.executable, {"validate": []})
    process = ask(forker, tmp_path / "printed", "--version")
    process.terminate()
    assert process.wait(10) == -signal.SIGTERM
    assert (tmp_path / "printed").read_bytes() == b""


def test_where_the_server_has_died_it_is_started_without(tmp_path: Path) -> None:
    forker = Forker("false", {"extract": []})
    process = ask(forker, tmp_path / "printed", "--version")
    assert process.wait(60) == 0
    assert (tmp_path / "printed").read_text().startswith("mlkit ")


def test_a_library_that_fails_or_leaves_is_left_to_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, code in {"leaves": "raise SystemExit(3)", "fails": "1 / 0", "says": "print('hello')"}.items():
        (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    forker = Forker(sys.executable, {"extract": ["leaves", "fails", "says", "no_such_module"]})
    process = ask(forker, tmp_path / "printed", "step", "extract", "--help")
    assert process.wait(60) == 0
    assert "hello" not in (tmp_path / "printed").read_text()
    forker.close()


def test_what_the_kit_knows_of_a_workflows_imports_is_loaded_and_no_code_is_run(tmp_path: Path) -> None:
    """What follows on other code may be meant to find what that has done, such as a variable of the environment."""
    folder = build_project(tmp_path / "cards", rows=10)
    (folder / "cards" / "broken.py").write_text("import (\n")
    (folder / "cards" / "more.py").write_text(
        '"""Some."""\nimport cards.workflow\nfrom . import broken\nimport sched\nfrom scipy import stats\n'
        "import os\nos.environ['SCIPY_ARRAY_API'] = '1'\nimport sklearn.svm\n"
    )
    found = find_libraries(load_project(folder), "train")
    assert "scipy" in found
    assert {name.partition(".")[0] for name in found} <= {"numpy", "pandas", "scipy", "sklearn", "xgboost"}
    assert "sklearn.svm" not in found
    assert find_libraries(load_project(folder), "promote")[0] == "mlflow"
    assert find_libraries(load_project(folder), "extract") == []
