"""What differs between two versions, and what cannot be told any more."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from typer.testing import CliRunner

from airflow_mlkit.cli.app import app
from airflow_mlkit.project import load_project


def diff(folder: Path, *words: str) -> str:
    done = CliRunner().invoke(app, ["models", "diff", *words, "--project", str(folder)], env={"COLUMNS": "160"})
    assert done.exit_code == 0, done.exception
    return done.stdout


def rows(folder: Path, *words: str) -> dict[str, dict[str, tuple[str | None, str | None, str]]]:
    found = json.loads(diff(folder, *words, "--json"))
    return {
        title: {line["what"]: (line["a"], line["b"], line["note"]) for line in lines}
        for title, lines in found["sections"].items()
    }


def test_two_versions_differ_in_what_was_changed_and_in_what_follows(cards: Path) -> None:
    found = rows(cards, "1", "champion")
    assert found["spec"] == {}
    assert found["params"] == {"max_depth": ("3", "2", "")}
    assert found["libraries"] == {}
    assert found["code"]["cards/workflow.py"] == ("13 lines", "16 lines", "changed")
    assert found["code"]["commit"][0] != found["code"]["commit"][1]
    assert found["data"]["features"] == ("2", "3", "+twice")
    assert "snapshot" in found["data"]
    assert "rows" not in found["data"]
    old, new, note = found["metrics"]["roc_auc"]
    assert abs(float(str(new)) - float(str(old)) - float(note)) < 1e-4
    said = diff(cards, "anchor", "2", "--code")
    assert "  roc_auc, 99 % sure: 0.00372 worse to 0.00481 better, on the same rows\n" in said
    assert "  roc_auc, 99 % sure: 0.00481 worse to 0.00372 better, on the same rows\n" in diff(cards, "2", "1")
    assert "max_depth" in said
    assert "+    def features(self, dataframe):" in said
    assert "Nothing differs in: spec, libraries, slices." in said


def test_a_version_differs_in_nothing_from_itself(cards: Path) -> None:
    assert set(map(len, rows(cards, "2", "2").values())) == {0}
    assert "It is one and the same version." in diff(cards, "2", "champion")


def test_what_was_cleaned_away_is_said_and_the_rest_is_told(cards: Path) -> None:
    runs = Path(load_project(cards).runs)
    shutil.rmtree(runs / "r1")
    found = rows(cards, "1", "2")
    assert found["params"] == {"max_depth": ("3", "2", "")}
    assert found["code"]["cards/workflow.py"][2] == "changed"
    assert "The run directory of version 1 was cleaned away" in diff(cards, "1", "2")
    champions = Path(load_project(cards).champions)
    artifact = json.loads((champions / "1.json").read_text())["artifact"]
    shutil.rmtree((champions / artifact).resolve().parent)
    said = diff(cards, "1", "2")
    assert "The files of version 1 are gone or damaged" in said
    assert "registered without its mlkit.yaml" in said


def test_an_unknown_version_is_answered_with_those_that_there_are(cards: Path) -> None:
    done = CliRunner().invoke(app, ["models", "diff", "1", "9", "--project", str(cards)])
    assert "cards has no version '9'; known are 1, 2" in str(done.exception)
