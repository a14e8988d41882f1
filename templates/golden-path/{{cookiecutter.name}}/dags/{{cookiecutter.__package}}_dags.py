from airflow_mlkit.airflow import pipeline_dags

globals().update(pipeline_dags(__file__))
