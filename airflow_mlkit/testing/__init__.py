"""What a project's own tests need: rows that could be its data, and a small copy of it to train on.

Nothing here reads a project's data, so the tests run where the data may not go, such as in CI.
"""

from airflow_mlkit.testing.dropped_column import best_column, drop_column
from airflow_mlkit.testing.sample import sample_features, sample_table
from airflow_mlkit.testing.small_copy import small_copy

__all__ = ["best_column", "drop_column", "sample_features", "sample_table", "small_copy"]
