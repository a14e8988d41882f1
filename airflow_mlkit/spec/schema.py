"""JSON Schemas of the two config files, so that editors complete them."""

from __future__ import annotations

from typing import Any, Literal

from airflow_mlkit.spec.pipeline import PipelineSpec
from airflow_mlkit.spec.platform import PlatformSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(which: Literal["pipeline", "platform"]) -> dict[str, Any]:
    """The JSON Schema of mlkit.yaml (`pipeline`) or platform.yaml (`platform`)."""
    model, title = {"pipeline": (PipelineSpec, "mlkit.yaml"), "platform": (PlatformSpec, "platform.yaml")}[which]
    return {"$schema": DIALECT, **model.model_json_schema(by_alias=True), "title": title}
