"""What users extend, and how their models are saved, loaded and scored without a pickle.

Imports nothing heavy by itself, so that `from airflow_mlkit.workflows import Workflow` costs a project nothing.
"""

from airflow_mlkit.workflows.base import Workflow

__all__ = ["Workflow"]
