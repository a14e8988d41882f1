"""JSON Schemas of the two config files, so that editors complete them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from airflow_mlkit.spec.declared import Declared
from airflow_mlkit.spec.pipeline import PipelineSpec
from airflow_mlkit.spec.platform import PlatformSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Which = Literal["pipeline", "platform"]

_FILES: dict[Which, tuple[type[Declared], str]] = {
    "pipeline": (PipelineSpec, "mlkit"),
    "platform": (PlatformSpec, "platform"),
}


def json_schema(which: Which) -> dict[str, Any]:
    """The JSON Schema of mlkit.yaml (`pipeline`) or platform.yaml (`platform`)."""
    model, stem = _FILES[which]
    return {"$schema": DIALECT, **model.model_json_schema(by_alias=True), "title": f"{stem}.yaml"}


def schema_text(which: Which) -> str:
    """The schema as it is written to a file."""
    return json.dumps(json_schema(which), indent=2, ensure_ascii=False) + "\n"


def schema_path(which: Which) -> Path:
    """Where the schema lies that came with this installation; an editor may be pointed at it."""
    return Path(__file__).parent / "schemas" / f"{_FILES[which][1]}.schema.json"
