"""The project that is measured: card payments, as `mlkit new` makes it from their file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from airflow_mlkit.demo.payments import make_payments, write_payments


def make_payments_project(work: Path, days: int) -> Path:
    """Write `payments.csv` and a project on it into a folder. Returns the project's folder."""
    write_payments(make_payments(days), work / "payments.csv")
    mlkit("new", "--no-input", "--name", "payments", "--data", work / "payments.csv", "--label", "fraud", cwd=work)
    return work / "payments"


def mlkit(*arguments: object, cwd: Path) -> str:
    """Run the command and return what it prints."""
    command = [sys.executable, "-m", "airflow_mlkit", *map(str, arguments)]
    ended = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True)
    if ended.returncode:
        sys.exit(ended.stderr)
    return ended.stdout
