"""The reference pages name every key, and their examples are read as they stand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from airflow_mlkit.spec import json_schema, load_platform, load_spec
from airflow_mlkit.spec.metrics import ALL_METRICS

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


def examples(page: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", (REFERENCE / page).read_text(), re.DOTALL)


@pytest.mark.parametrize(("page", "which"), [("mlkit-yaml.md", "pipeline"), ("platform-yaml.md", "platform")])
def test_every_key_of_the_models_is_named_in_the_page(page: str, which: str) -> None:
    schema = json_schema(which)  # type: ignore[arg-type]
    models = [schema, *schema["$defs"].values()]
    keys = {key for model in models for key in model.get("properties", {})}
    prose = re.sub(r"```.*?```", "", (REFERENCE / page).read_text(), flags=re.DOTALL)
    marked = re.findall(r"`[^`]+`|^## \w+", prose, re.MULTILINE)
    named = {word for text in marked for word in re.findall(r"\w+", text)}
    assert keys - named == set()


def test_every_value_of_the_chart_is_named_in_the_page() -> None:
    values = json.loads((REFERENCE.parents[1] / "charts" / "mlkit-platform" / "values.schema.json").read_text())
    own = {name: model for name, model in values["$defs"].items() if name[0].islower()}
    own["values"] = {"properties": {key: value for key, value in values["properties"].items() if key != "platform"}}
    as_in_kubernetes = {"peer", "rule"}
    keys = {key for name, model in own.items() if name not in as_in_kubernetes for key in _keys(model)} - {"global"}
    page = re.sub(r"```.*?```", "", (REFERENCE / "platform-chart.md").read_text(), flags=re.DOTALL)
    named = {word for text in re.findall(r"`[^`]+`|^## \w+", page, re.MULTILINE) for word in re.findall(r"\w+", text)}
    assert keys - named == set()


def _keys(model: dict[str, Any]) -> Iterator[str]:
    for key, inner in model.get("properties", {}).items():
        yield key
        yield from _keys(inner)


def test_every_metric_is_named_in_the_page() -> None:
    assert set(ALL_METRICS) - set(re.findall(r"`(\w+)`", (REFERENCE / "mlkit-yaml.md").read_text())) == set()


@pytest.mark.parametrize("example", examples("mlkit-yaml.md"), ids=["smallest", "everything"])
def test_the_examples_of_mlkit_yaml_are_read(tmp_path: Path, example: str) -> None:
    (tmp_path / "mlkit.yaml").write_text(example)
    spec, written = load_spec(tmp_path / "mlkit.yaml"), YAML(typ="safe").load(example)
    assert (spec.name, spec.owner, spec.data.label) == (written["name"], written["owner"], written["data"]["label"])
    assert len(spec.gates) == len(written["gates"])


@pytest.mark.parametrize("example", examples("platform-yaml.md"))
def test_the_example_of_platform_yaml_is_read(tmp_path: Path, example: str) -> None:
    (tmp_path / "platform.yaml").write_text(example)
    platform, written = load_platform(tmp_path / "platform.yaml"), YAML(typ="safe").load(example)
    assert set(written["environments"]) <= set(platform.environments)
    assert {name: platform.environments[name].backend for name in written["environments"]} == {
        name: environment["backend"] for name, environment in written["environments"].items()
    }


def test_what_the_page_on_notifications_shows_is_read_and_is_what_comes(tmp_path: Path) -> None:
    page = (REFERENCE.parent / "how-to" / "hear-of-it.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "platform.yaml").write_text(example)
    assert [channel.via for channel in load_platform(tmp_path / "platform.yaml").notify] == ["smtp", "slack"]
    (shown,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    golden = REFERENCE.parents[1] / "tests" / "unit" / "airflow" / "golden" / "undecided.txt"
    assert golden.read_text().startswith(shown)
    for connection in re.findall(r"AIRFLOW_CONN_\w+='(.*?)'", page, re.DOTALL):
        assert json.loads(connection)["conn_type"] in ("smtp", "slack", "apprise")
