"""Airflow's plugin. It is imported by every Airflow process, so it imports nothing of weight."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin


class MLKitPlugin(AirflowPlugin):
    """Registers the kit with Airflow's plugin manager."""

    name = "mlkit"
