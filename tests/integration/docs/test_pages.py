"""The pages are done as they stand, by somebody who types what they say.

A fenced block whose first line ends with `run` is typed; one that ends with `file=PATH` is written to that file; and a
comment `<!-- run: ... -->` stands for an edit that the page describes in words.
"""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"
BLOCK = re.compile(
    r"^<!-- run: (?P<hidden>.*?) -->$|^```\w+ (?:run|file=(?P<path>\S+))\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


def script_of(page: str) -> str:
    """The page as a shell script."""
    lines = ["set -eux"]
    for block in BLOCK.finditer((DOCS / page).read_text(encoding="utf-8")):
        if block["path"]:
            lines += [f"mkdir -p $(dirname {block['path']})", f"cat > {block['path']} <<'END'\n{block['text']}END"]
        else:
            lines.append(block["hidden"] or block["text"])
    assert len(lines) > 1, f"{page} has nothing to run"
    return "\n".join(lines)


def follow(page: str, folder: Path) -> str:
    """Do what the page says. Returns what was printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-c", script_of(page)],
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, f"{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}"
    return ended.stdout


def test_the_first_project(churn: Path) -> None:
    """It ships, is held back when nothing has changed, and trains again with a feature more."""
    ends = re.findall(r"^(SHIPPED|NOT SHIPPED|FAILED) ", follow("tutorial/first-project.md", churn), re.MULTILINE)
    assert ends[:2] == ["SHIPPED", "NOT SHIPPED"]
    assert len(ends) == 3
    assert "FAILED" not in ends


def test_change_the_model_and_the_features(churn: Path) -> None:
    assert "FAILED" not in follow("how-to/change-the-model.md", churn)
    assert list((churn / "churn" / ".mlkit" / "runs").rglob("model.skops"))


def test_undo_a_promotion(churn: Path) -> None:
    """It ends with the first version as the champion, and with nothing that has to be mended."""
    said = follow("how-to/undo-a-promotion.md", churn)
    assert "ROLLED BACK  churn version 1 is the champion (entry 3)." in said
    assert "nothing is promoted automatically until 2999-01-01" in said
    assert said.rstrip().endswith("MLflow says the same.")


def test_who_uses_a_column(churn: Path) -> None:
    """The tree that the page shows, and a page with a drawing."""
    said = follow("how-to/who-uses-a-column.md", churn)
    assert "tenure: 1 model version uses it" in said
    assert "from data/churn.csv (of churn)" in said
    assert "No model belongs to 'risk-ml@example.com'" in said
    assert "<svg" in (churn / "churn" / "churn-lineage.html").read_text()


def test_adopt_a_model(churn: Path) -> None:
    said = follow("how-to/adopt-a-model.md", churn)
    assert "ADOPTED  churn version 1 is the champion (entry 1)." in said
    assert "taken from  models:/churn-notebook/1, Booster" in said
    assert "MLflow says the same." in said


@pytest.mark.needs("postgresql")
def test_read_from_sql(warehouse: Path) -> None:
    assert re.search(r"^SHIPPED ", follow("how-to/read-from-sql.md", warehouse), re.MULTILINE)


@pytest.mark.needs("airflow")
def test_serve_many_projects(tmp_path: Path) -> None:
    """The settings of the page make a bundle, with the arguments that it takes."""
    page = (DOCS / "how-to" / "serve-many-projects.md").read_text(encoding="utf-8")
    settings = configparser.ConfigParser()
    for block in re.findall(r"```ini\n(.*?)```", page, re.DOTALL):
        settings.read_string(block)
    (bundle,) = json.loads(settings["dag_processor"]["dag_bundle_config_list"])
    module, _, name = bundle["classpath"].rpartition(".")
    made = getattr(import_module(module), name)(name=bundle["name"], **bundle["kwargs"])
    assert str(made.folder) == "/srv/projects"
    from airflow_mlkit.airflow.provider_info import get_provider_info

    assert set(settings["mlkit"]) <= set(get_provider_info()["config"]["mlkit"]["options"])
