"""Airflow's plugin. It is imported by every Airflow process, so what only the API server needs is imported there."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin


class MLKitPlugin(AirflowPlugin):
    """Registers the pages of reports, and the links to them."""

    name = "mlkit"

    @property
    def fastapi_apps(self) -> list[Any]:  # type: ignore[override]
        """The web pages."""
        from airflow_mlkit.airflow.pages import PREFIX
        from airflow_mlkit.airflow.report_app import build_app
        from airflow_mlkit.airflow.start_check import warn_of_missing_settings

        warn_of_missing_settings()
        return [{"name": "mlkit", "app": build_app(), "url_prefix": PREFIX}]

    @property
    def operator_extra_links(self) -> list[Any]:  # type: ignore[override]
        """The buttons *Report* and *Pods* of a task."""
        from airflow_mlkit.airflow.report_link import PodsLink, ReportLink

        return [ReportLink(), PodsLink()]
