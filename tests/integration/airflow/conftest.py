"""Every test here runs Dags with `dag.test()`, on a SQLite database in an AIRFLOW_HOME of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.airflow_home import isolate_airflow

isolate_airflow()


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """An empty database, made once."""
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)
