"""A local Airflow's own settings, and what it takes over from the shell that starts it."""

from __future__ import annotations

from airflow_mlkit.airflow.standalone import LocalAirflow


def test_exported_connections_are_known_and_no_other_airflow_is(tmp_path, monkeypatch):
    """The connection of docs/how-to/read-from-sql.md; no settings, home or database of another Airflow."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgresql://reader@db/warehouse")
    monkeypatch.setenv("AIRFLOW_VAR_REGION", "eu")
    monkeypatch.setenv("AIRFLOW_HOME", "/srv/airflow")
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://airflow@db/airflow")
    monkeypatch.setenv("_AIRFLOW_DB_MIGRATE", "true")
    seen = LocalAirflow(tmp_path / "home", tmp_path).environment()
    assert seen["AIRFLOW_CONN_WAREHOUSE"] == "postgresql://reader@db/warehouse"
    assert seen["AIRFLOW_VAR_REGION"] == "eu"
    assert seen["AIRFLOW_HOME"] == str(tmp_path / "home")
    assert not {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "_AIRFLOW_DB_MIGRATE"} & set(seen)
