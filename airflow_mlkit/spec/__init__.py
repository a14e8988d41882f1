"""What people declare: mlkit.yaml and platform.yaml. Imports neither pandas nor Airflow."""

from airflow_mlkit.spec.load import load_platform, load_spec
from airflow_mlkit.spec.pipeline import PipelineSpec
from airflow_mlkit.spec.platform import PlatformSpec
from airflow_mlkit.spec.schema import json_schema, schema_path, schema_text

__all__ = ["PipelineSpec", "PlatformSpec", "json_schema", "load_platform", "load_spec", "schema_path", "schema_text"]
