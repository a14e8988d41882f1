"""The committed JSON Schemas: current, strict, and of help to an editor."""

from __future__ import annotations

import json
from typing import Any, get_args

import jsonschema
import pytest
from ruamel.yaml import YAML

from airflow_mlkit.spec import schema_path, schema_text
from airflow_mlkit.spec.schema import Which

EXAMPLE = """
apiVersion: mlkit/v1
name: churn
owner: growth@example.com
pattern: batch
data:
  source: {path: churn.csv}
  features: [tenure, plan]
  label: churned
  holdout: {sampling: hash, key: [account, month], fraction: 0.2}
validate: {suite: expectations/churn.json}
problem: {kind: binary, positive: "Yes"}
train: {workflow: churn.workflow:Churn, schedule: {cron: "@weekly"}}
gates:
  - {metric: roc_auc, at_least: 0.8}
  - {metric: roc_auc, against: champion}
  - {rows: holdout, at_least: 500}
"""


@pytest.fixture
def schema() -> dict[str, Any]:
    return json.loads(schema_path("pipeline").read_text())


@pytest.mark.parametrize("which", get_args(Which))
def test_the_committed_schema_is_the_one_of_the_models(which: Which) -> None:
    """After a change of the models: mlkit schema pipeline --output FILE, and the same for platform."""
    assert schema_path(which).read_text() == schema_text(which)


def test_a_good_file_fits_the_schema(schema: dict[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(schema)
    assert [error.message for error in validator.iter_errors(YAML(typ="safe").load(EXAMPLE))] == []


@pytest.mark.parametrize(
    ("old", "new"), [("label:", "lable:"), ("roc_auc, at_least", "rocauc, at_least"), ("@weekly", ""), ("0.2}", "2}")]
)
def test_a_typo_does_not_fit_the_schema(schema: dict[str, Any], old: str, new: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(YAML(typ="safe").load(EXAMPLE.replace(old, new, 1)), schema)


def test_every_key_says_what_it_is_for() -> None:
    for which in get_args(Which):
        loaded = json.loads(schema_text(which))
        for model in [loaded, *loaded["$defs"].values()]:
            for key, declared in model.get("properties", {}).items():
                assert declared.get("description"), f"{model['title']}.{key} has no description"
