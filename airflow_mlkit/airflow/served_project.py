"""The Dag file of every project that `airflow_mlkit.airflow.bundle.ProjectsDagBundle` serves, linked once for each."""

from airflow_mlkit.airflow.bundle import served_dags

globals().update(served_dags(__file__))
