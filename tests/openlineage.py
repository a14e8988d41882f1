"""OpenLineage's schema as JSON Schema, and what of an event does not fit it.

The schema is made from the classes of openlineage-python, which the OpenLineage project generates from its spec: what a
field holds, and whether it must be there. The classes themselves take any value. A facet is checked against the very
version that its `_schemaURL` names; those of Airflow and of the kit against the JSON Schema beside their code.
"""

from __future__ import annotations

import json
import types
import typing
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union

import attr
import jsonschema
from openlineage.client import event_v2, facet_v2

import airflow_mlkit.airflow.lineage

URI = {"type": "string", "pattern": r"^[A-Za-z][A-Za-z0-9+.-]*:[^\s]+$"}
FORMATS: dict[str, dict[str, Any]] = {
    "_producer": URI,
    "_schemaURL": URI,
    "producer": URI,
    "schemaURL": URI,
    "uri": URI,
    "url": URI,
    "eventTime": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"},
    "runId": {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"},
}
PLAIN = {str: {"type": "string"}, int: {"type": "integer"}, float: {"type": "number"}, bool: {"type": "boolean"}}
OWN_FACETS = Path(airflow_mlkit.airflow.lineage.__file__).parent / "MLKitRunFacet.json"


def find_problems(event: dict[str, Any]) -> list[str]:
    """What of a run event does not fit the schema."""
    problems = [describe(error) for error in validator(event_v2.RunEvent).iter_errors(event)]
    for where, name, facet in find_facets(event):
        problems += [f"{where} {name}: {text}" for text in find_problems_of_facet(name, facet)]
    return problems


def find_facets(event: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """All facets of an event, with where they stand."""
    holders = [("run", event["run"].get("facets")), ("job", event["job"].get("facets"))]
    for side in ("inputs", "outputs"):
        for dataset in event.get(side, ()):
            own = [dataset.get(key) for key in ("facets", "inputFacets", "outputFacets")]
            holders += [(f"{side} {dataset['name']}", facets) for facets in own]
    return [(where, name, facet) for where, facets in holders for name, facet in (facets or {}).items()]


def find_problems_of_facet(name: str, facet: dict[str, Any]) -> list[str]:
    """What of a facet does not fit the version of the schema that it names itself."""
    known = facet_classes().get(facet.get("_schemaURL", ""))
    if known:
        return [describe(error) for error in validator(known).iter_errors(facet)]
    schema = foreign_schemas().get(name, schema_of(facet_v2.RunFacet))
    return [describe(error) for error in jsonschema.Draft202012Validator(schema).iter_errors(facet)]


def describe(error: jsonschema.ValidationError) -> str:
    """Where and what."""
    return f"{'.'.join(map(str, error.absolute_path))}: {error.message}"


@cache
def facet_classes() -> dict[str, type]:
    """Every facet of the spec, by the address of its schema."""
    modules = [module for module in vars(facet_v2).values() if isinstance(module, types.ModuleType)]
    classes = [found for module in modules for found in vars(module).values() if isinstance(found, type)]
    return {found._get_schema(): found for found in classes if issubclass(found, facet_v2.BaseFacet)}


@cache
def foreign_schemas() -> dict[str, dict[str, Any]]:
    """The schemas of Airflow's own facets and of the kit's, by the facet's name; none of them for all of Airflow's."""
    from airflow.providers.openlineage import facets

    files = [*Path(facets.__file__).parent.glob("*.json"), OWN_FACETS]
    schemas: dict[str, dict[str, Any]] = {}
    for file in files:
        text = (
            file.read_text()
            .replace("https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunFacet", "#/$defs/Base")
            .replace("https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/JobFacet", "#/$defs/Base")
        )
        content = json.loads(text)
        defs = {**content["$defs"], "Base": schema_of(facet_v2.RunFacet)}
        schemas |= {name: {"$defs": defs, **where} for name, where in content["properties"].items()}
    return schemas


@cache
def validator(cls: type) -> jsonschema.Draft202012Validator:
    """For the JSON of one class."""
    return jsonschema.Draft202012Validator(schema_of(cls))


def schema_of(cls: type, within: tuple[type, ...] = ()) -> dict[str, Any]:
    """A class of openlineage-python as JSON Schema; one that holds itself is not looked into a second time."""
    if cls in within:
        return {"type": "object"}
    hints = typing.get_type_hints(cls, localns={"ClassVar": typing.ClassVar, "Any": Any})
    fields = attr.fields(cls)
    return {
        "type": "object",
        "properties": {
            field.name: FORMATS.get(field.name) or schema_of_type(hints[field.name], (*within, cls)) for field in fields
        },
        "required": [field.name for field in fields if is_required(field)],
        "additionalProperties": issubclass(cls, facet_v2.BaseFacet) or cls is event_v2.RunEvent,
    }


def is_required(field: Any) -> bool:
    """Whether the spec requires a field: those with a default are filled in when the class is made."""
    return field.default is attr.NOTHING or field.name in ("_producer", "_schemaURL", "producer", "schemaURL")


def schema_of_type(hint: Any, within: tuple[type, ...]) -> dict[str, Any]:
    """The JSON Schema of a type hint."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in PLAIN:
        return PLAIN[hint]
    if origin in (Union, types.UnionType):
        schemas = [schema_of_type(each, within) for each in arguments if each is not type(None)]
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin is list:
        return {"type": "array", "items": schema_of_type(arguments[0], within)}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of_type(arguments[1], within)}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [each.value for each in hint]}
    if isinstance(hint, type) and attr.has(hint):
        # facets are looked at one by one, each as what it says it is
        return {"type": "object"} if issubclass(hint, facet_v2.BaseFacet) else schema_of(hint, within)
    return {}
