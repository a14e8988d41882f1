"""The schema of a chart's values, where it repeats what the kit says itself."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema

from airflow_mlkit.spec import json_schema

VALUES = Path(__file__).parents[3] / "charts" / "mlkit-platform" / "values.schema.json"


def test_the_values_of_the_platform_chart_have_platform_yaml_in_them() -> None:
    """After a change of the models: MLKIT_REGENERATE=1 pytest tests/unit/charts."""
    current = with_platform(json.loads(VALUES.read_text()))
    if os.environ.get("MLKIT_REGENERATE"):
        VALUES.write_text(json.dumps(current, indent=2, ensure_ascii=False) + "\n")
    assert json.loads(VALUES.read_text()) == current
    jsonschema.Draft202012Validator.check_schema(current)


def with_platform(schema: dict[str, Any]) -> dict[str, Any]:
    """The chart's schema with that of platform.yaml; definitions of the chart's own begin with a small letter."""
    platform = branch_by_backend(json_schema("platform"))
    own = {name: definition for name, definition in schema["$defs"].items() if name[0].islower()}
    inner = {key: value for key, value in platform.items() if key not in ("$schema", "$defs")}
    return schema | {
        "properties": schema["properties"] | {"platform": inner},
        "$defs": own | platform["$defs"],
    }


def branch_by_backend(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that asks for the backend first: else Helm says of a mistake what each kind of environment lacks."""
    environments = schema["properties"]["environments"]
    kinds = environments["additionalProperties"]["anyOf"]
    backends = {schema["$defs"][kind["$ref"].split("/")[-1]]["properties"]["backend"]["const"]: kind for kind in kinds}
    environments["additionalProperties"] = {
        "type": "object",
        "required": ["backend"],
        "properties": {"backend": {"enum": list(backends)}},
        "allOf": [
            {"if": {"required": ["backend"], "properties": {"backend": {"const": name}}}, "then": kind}
            for name, kind in backends.items()
        ],
    }
    return schema
