"""The steps: one file each, thin over the rooms that do the work. Imports without Airflow."""
