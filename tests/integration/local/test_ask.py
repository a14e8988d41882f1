"""`mlkit run` in a terminal asks a person who has the last word, and asks nobody where there is none."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from airflow_mlkit.local.run_project import retrain
from airflow_mlkit.local.run_result import RunState, StepStatus
from airflow_mlkit.project import load_project
from airflow_mlkit.registry import ChampionLog
from airflow_mlkit.rundir import Approval
from tests.projects import build_project, default_spec

ASKED = {"approval": "person", "ask": ["ana"], "within": "3d"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return build_project(tmp_path / "cards", spec={**default_spec(), "promote": ASKED})


def run_in_terminal(folder: Path, answers: list[tuple[str, str]]) -> tuple[int, str]:
    """`mlkit run` on a terminal of its own: what is typed when a question is seen. Returns exit code and screen."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "airflow_mlkit", "run"],
        cwd=folder,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "200"},
        close_fds=True,
    )
    os.close(terminal)
    seen, deadline = "", time.monotonic() + 200
    while time.monotonic() < deadline:
        if select.select([controller], [], [], 0.2)[0]:
            try:
                seen += os.read(controller, 65536).decode(errors="replace")
            except OSError:  # the terminal is closed when the process has ended
                break
        if answers and answers[0][0] in seen:
            os.write(controller, f"{answers.pop(0)[1]}\n".encode())
    os.close(controller)
    return process.wait(30), seen


def test_a_yes_at_the_terminal_ships_the_model(folder: Path) -> None:
    code, seen = run_in_terminal(folder, [("May it become the champion?", "y"), ("Why", "tried it [bold]twice")])
    assert code == 0, seen
    assert "SHIPPED" in seen
    entry = ChampionLog(load_project(folder).champions).head()
    assert entry is not None
    assert entry.approval is not None
    assert (entry.approval.answer, entry.approval.why) == ("yes", "tried it [bold]twice")


def test_a_no_at_the_terminal_keeps_the_champion(folder: Path) -> None:
    code, seen = run_in_terminal(folder, [("May it become the champion?", "n"), ("Why", "not yet")])
    assert code == 0, seen
    assert "NOT SHIPPED" in seen
    assert "said no: not yet" in seen
    assert ChampionLog(load_project(folder).champions).head() is None


def test_without_a_terminal_nobody_is_asked_and_the_model_is_held_back(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "airflow_mlkit", "run"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0
    assert "whom nobody could ask here" in done.stdout
    assert "mlkit promote --run" in done.stdout


def test_nobody_is_asked_about_a_challenger_that_the_gates_hold_back(tmp_path: Path) -> None:
    gates = [{"metric": "roc_auc", "at_least": 0.999}]
    spec = {**default_spec(), "promote": ASKED, "gates": gates}
    asked: list[StepStatus] = []

    def ask(gate: StepStatus) -> Approval | None:
        asked.append(gate)
        return None

    result = retrain(load_project(build_project(tmp_path / "cards", spec=spec)), ask=ask)
    assert (result.state, asked) == (RunState.NOT_SHIPPED, [])
