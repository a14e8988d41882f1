"""Whether manifests fit the schemas of a running Kubernetes, as kubeconform sees it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.kubernetes import Cluster, find_program


def must_conform(cluster: Cluster, folder: Path, manifests: str) -> None:
    """Fail unless each of some manifests is one that the cluster knows, without an unknown key.

    Args:
        cluster: whose schemas count.
        folder: for the schemas.
        manifests: YAML documents.
    """
    _write_schemas(json.loads(cluster.kubectl("get", "--raw", "/openapi/v2")), folder)
    location = f"{folder}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json"
    command = [find_program("kubeconform"), "-strict", "-summary", "-schema-location", location]
    checked = subprocess.run(command, input=manifests, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    assert "Invalid: 0, Errors: 0, Skipped: 0" in checked.stdout


def _write_schemas(openapi: dict[str, Any], folder: Path) -> None:
    """What a running API server accepts, as JSON Schemas in which nothing unknown is allowed."""
    definitions = {name: _as_json_schema(name, each) for name, each in openapi["definitions"].items()}
    (folder / "_definitions.json").write_text(json.dumps({"definitions": definitions}))
    for name, each in openapi["definitions"].items():
        for kind in each.get("x-kubernetes-group-version-kind", []):
            parts = (kind["kind"].lower(), kind["group"].split(".")[0], kind["version"])
            named = {"apiVersion": {"type": "string"}, "kind": {"enum": [kind["kind"]]}}
            schema = definitions[name] | {"properties": definitions[name].get("properties", {}) | named}
            (folder / f"{'-'.join(filter(None, parts))}.json").write_text(json.dumps(schema))


def _as_json_schema(name: str, definition: Any) -> Any:
    return {"type": ["string", "number"]} if name.endswith("api.resource.Quantity") else _strict(definition)


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(each) for each in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("$ref"), str):
        return {"$ref": f"_definitions.json#/definitions/{node['$ref'].rsplit('/', 1)[1]}"}
    if node.get("format") == "int-or-string":
        return {"type": ["string", "integer"]}
    closed = {"additionalProperties": False} if node.get("type") == "object" and "properties" in node else {}
    return closed | {key: _strict(value) for key, value in node.items()}
