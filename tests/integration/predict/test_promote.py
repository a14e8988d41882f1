"""The step promote after real steps; the ways of promotion itself are tested in tests/integration/registry."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from airflow_mlkit.cli.app import app
from airflow_mlkit.project import load_project
from airflow_mlkit.registry import ChampionLog
from airflow_mlkit.registry.load import load_champion
from airflow_mlkit.registry.promotion import Promotion
from tests.stepping import run_steps


def edit_spec(folder: Path, **sections: object) -> None:
    path = folder / "mlkit.yaml"
    spec = YAML(typ="safe").load(path.read_text()) | sections
    with path.open("w") as file:
        YAML().dump(spec, file)


def test_a_promoted_version_can_be_loaded_and_described(folder: Path) -> None:
    entry = ChampionLog(load_project(folder).champions).head()
    assert entry is not None
    assert load_champion(load_project(folder), entry).manifest.model_id == entry.model_id
    listed = CliRunner().invoke(app, ["models", "list", "--json", "--project", str(folder)])
    assert json.loads(listed.output)[0]["champion_version"] == "1"
    shown = CliRunner().invoke(app, ["models", "show", "--project", str(folder)])
    assert "cards version 1: champion" in shown.output
    assert entry.holdout_hash in shown.output


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"gates": [{"metric": "roc_auc", "at_least": 0.999}]}, "roc_auc"),
        ({"promote": {"approval": "person", "ask": ["risk"], "within": "3d"}}, "nobody can be asked yet"),
    ],
    ids=["a gate failed", "a person has to say yes"],
)
def test_a_challenger_is_held_back_with_the_reason(folder: Path, sections: dict[str, object], said: str) -> None:
    (folder / ".mlkit/champions/cards/1.json").unlink()
    edit_spec(folder, **sections)
    record = run_steps(folder, "r1", "gate", "promote")
    assert record.exit_code == 20
    assert said in (record.reason or "")
    assert ChampionLog(load_project(folder).champions).head() is None
    found = load_project(folder).runs
    published = Path(found) / "r1/steps/promote/2/tries/1/promotion.json"
    assert Promotion.model_validate_json(published.read_bytes()).reason == record.reason
