"""What Airflow's processes pay for the plugin."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module

import pytest

from airflow_mlkit.airflow.pod_task import PodStepTask
from airflow_mlkit.airflow.report_link import WITH_PAGES, WITH_PODS, PodsLink, ReportLink
from airflow_mlkit.airflow.step_task import StepWithPages

pytestmark = pytest.mark.needs("airflow")

CODE = """
import json, sys
from airflow.plugins_manager import AirflowPlugin
before = set(sys.modules)
from airflow_mlkit.airflow.plugin import MLKitPlugin
light = sorted(name for name in set(sys.modules) - before if not name.startswith("airflow_mlkit"))
plugin = MLKitPlugin()
apps, links = plugin.fastapi_apps, plugin.operator_extra_links
heavy = [name for name in ("pandas", "pyarrow", "numpy", "mlflow", "xgboost", "sklearn") if name in sys.modules]
print(json.dumps({"light": light, "prefixes": [app["url_prefix"] for app in apps], "heavy": heavy,
                  "links": [link.name for link in links]}))
"""


def test_the_plugin_is_cheap_in_each_process_and_light_in_the_api_server():
    """Every process imports it, and the pages of reports only the API server."""
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    found = json.loads(run.stdout.splitlines()[-1])
    assert found == {"light": [], "prefixes": ["/mlkit"], "heavy": [], "links": ["Report", "Pods"]}


@pytest.mark.parametrize(("link", "paths"), [(ReportLink, WITH_PAGES), (PodsLink, WITH_PODS)])
def test_a_button_is_found_by_the_names_of_its_operators(link, paths):
    """Airflow compares the class and the module."""
    named = [(operator.__module__, operator.__name__) for operator in link.operators]
    assert named == [(operator.__module__, operator.__name__) for operator in map(load, paths)]


def test_each_operator_with_a_page_has_a_button():
    known = {load(path) for path in (*WITH_PAGES, *WITH_PODS)}
    assert all_subclasses(StepWithPages) - known == {PodStepTask}
    assert all_subclasses(PodStepTask) == {load(path) for path in WITH_PODS}


def load(path):
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def all_subclasses(base):
    return {each for found in base.__subclasses__() for each in (found, *all_subclasses(found))}
