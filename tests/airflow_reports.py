"""The buttons Report and Pods of a task in a real Airflow, and the pages that they lead to."""

from __future__ import annotations

from urllib.parse import quote

import httpx

from airflow_mlkit.airflow.standalone import LocalAirflow


def report_link(airflow: LocalAirflow, dag_id: str, run_id: str, task_id: str, button: str = "Report") -> str:
    """Where a button of a task leads."""
    path = f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task_id}/links"
    return airflow.request("GET", path)["extra_links"][button]


def open_report(airflow: LocalAirflow, address: str) -> str:
    """A report's page, as a user sees it."""
    bearer = {"Authorization": f"Bearer {airflow.token()}"}
    response = httpx.get(address, headers=bearer, timeout=30)
    assert response.status_code == 200, response.text
    assert "sandbox" in response.headers["content-security-policy"]
    return response.text
