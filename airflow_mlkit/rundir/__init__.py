"""The run directory: where steps meet. Imports neither pandas nor Airflow."""

from airflow_mlkit.rundir.canonical import canonical_json, hash_file, hash_value
from airflow_mlkit.rundir.create_only import create_only
from airflow_mlkit.rundir.records import FileRecord, Outcome, RunRecord, StepRecord
from airflow_mlkit.rundir.run_directory import Publication, RunDirectory, StepDirectory, Try

__all__ = [
    "FileRecord",
    "Outcome",
    "Publication",
    "RunDirectory",
    "RunRecord",
    "StepDirectory",
    "StepRecord",
    "Try",
    "canonical_json",
    "create_only",
    "hash_file",
    "hash_value",
]
