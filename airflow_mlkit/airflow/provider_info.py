"""What Airflow's provider manager reads: who this provider is, and its section of airflow.cfg."""

from __future__ import annotations

from typing import Any

from airflow_mlkit.__about__ import __version__

SECTION = "mlkit"


def get_provider_info() -> dict[str, Any]:
    """The provider's description, in the form of Airflow's provider_info.schema.json."""
    return {
        "package-name": "airflow-mlkit",
        "name": "MLKit",
        "description": "A golden path for machine learning on Airflow: from an interview to a promoted model.",
        "versions": [__version__],
        "operators": [{"integration-name": "MLKit", "python-modules": ["airflow_mlkit.airflow.operators"]}],
        "config": {
            SECTION: {
                "description": "What an installation decides; the rest stands in mlkit.yaml and platform.yaml.",
                "options": {
                    "environment": _option(
                        "The environment of platform.yaml in which pipelines run.", default="laptop", example="staging"
                    ),
                    "platform": _option(
                        "Path of the platform.yaml. Empty: the project's own, or a laptop's defaults.",
                        example="/opt/airflow/platform.yaml",
                    ),
                    "python": _option(
                        "The Python that steps run with in a project which has none of its own. Empty: Airflow's.",
                        example="/opt/mlkit/bin/python",
                    ),
                },
            }
        },
    }


def _option(description: str, *, example: str, default: str = "") -> dict[str, Any]:
    return {
        "description": description,
        "version_added": "0.1.0",
        "type": "string",
        "example": example,
        "default": default,
    }
