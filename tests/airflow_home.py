"""An AIRFLOW_HOME of the tests' own. Airflow reads it once, when it is first imported."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile

_SETTINGS = {
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",  # tests write one Dag again and again
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
}


def isolate_airflow() -> None:
    """Point Airflow to an empty home for this process, before anything imports it."""
    if os.environ.get("MLKIT_TEST_AIRFLOW_HOME") == os.environ.get("AIRFLOW_HOME", ""):
        return
    assert "airflow.configuration" not in sys.modules, "Airflow was imported before its home was set"
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[name]
    home = tempfile.mkdtemp(prefix="mlkit-tests-airflow-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ.update({**_SETTINGS, "AIRFLOW_HOME": home, "MLKIT_TEST_AIRFLOW_HOME": home})
