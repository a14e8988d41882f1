"""The run directory: where steps meet. Imports neither pandas nor Airflow."""

from airflow_mlkit.rundir.approval import Approval
from airflow_mlkit.rundir.canonical import canonical_json, hash_file, hash_value
from airflow_mlkit.rundir.checkpoint_folder import CheckpointFolder
from airflow_mlkit.rundir.create_only import create_only
from airflow_mlkit.rundir.place import is_local, open_place, store_errors
from airflow_mlkit.rundir.publication import Publication
from airflow_mlkit.rundir.records import (
    HELD_BACK_EXIT_CODE,
    UNASKED_EXIT_CODE,
    FileRecord,
    NodeRecord,
    Outcome,
    PodRecord,
    RunRecord,
    SizeRecord,
    StepRecord,
    TryStart,
)
from airflow_mlkit.rundir.replace_file import replace_file
from airflow_mlkit.rundir.run_directory import RunDirectory, StepDirectory
from airflow_mlkit.rundir.run_id import safe_run_id
from airflow_mlkit.rundir.tries import Try

__all__ = [
    "HELD_BACK_EXIT_CODE",
    "UNASKED_EXIT_CODE",
    "Approval",
    "CheckpointFolder",
    "FileRecord",
    "NodeRecord",
    "Outcome",
    "PodRecord",
    "Publication",
    "RunDirectory",
    "RunRecord",
    "SizeRecord",
    "StepDirectory",
    "StepRecord",
    "Try",
    "TryStart",
    "canonical_json",
    "create_only",
    "hash_file",
    "hash_value",
    "is_local",
    "open_place",
    "replace_file",
    "safe_run_id",
    "store_errors",
]
