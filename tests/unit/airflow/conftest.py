"""Every test here builds Dags, in an AIRFLOW_HOME of its own."""

from tests.airflow_home import isolate_airflow

isolate_airflow()
