"""The demo: a card-payments project on data that drifts, retrained three times in a real Airflow."""
