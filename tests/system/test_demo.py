"""`make demo`, as it is: three retrains in a real Airflow, and nothing left running."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest


@pytest.mark.needs("airflow")
@pytest.mark.timeout(600)
def test_the_demo_ships_stops_and_holds_back_and_leaves_no_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "airflow_mlkit", "demo", "--folder", str(tmp_path / "demo")]
    ended = subprocess.run(command, env={**os.environ, "DEMO_EXIT": "1"}, capture_output=True, text=True, timeout=560)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    verdicts = [word for word in ended.stdout.split() if word in ("SHIPPED", "STOPPED", "NOT")]
    assert verdicts == ["SHIPPED", "STOPPED", "NOT", "SHIPPED"]
    assert "expect_column_values_to_be_between" in ended.stdout
    left = [process for process in psutil.process_iter(["cmdline"]) if str(tmp_path) in str(process.info["cmdline"])]
    assert left == []


def test_the_demo_removes_no_folder_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    command = [sys.executable, "-m", "airflow_mlkit", "demo", "--folder", str(tmp_path), "--exit"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert "was not made by the demo" in ended.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
