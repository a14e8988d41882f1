"""A small copy of a project, on made-up rows, to train on in a test."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet
from ruamel.yaml import YAML

from airflow_mlkit.project import SPEC_FILE, Project, load_project
from airflow_mlkit.testing.sample import sample_table

_LEFT_BEHIND = shutil.ignore_patterns(".*", "data", "scores", "__pycache__")
_DATA = "data/sample.parquet"


def small_copy(folder: Path, target: Path, *, rows: int = 1000, seed: int = 0) -> Project:
    """Copy a project's code, spec and suite, and give the copy rows of its own.

    The numbers of rows that the project asks for are lowered to what there is, and no person is asked. All else, the
    gates too, is as the project declares it.

    Args:
        folder: the project.
        target: an empty folder.
        rows: how many rows to make up.
        seed: the same seed makes the same rows.
    """
    shutil.copytree(folder, target, ignore=_LEFT_BEHIND, dirs_exist_ok=True)
    table = sample_table(load_project(folder), rows, seed=seed)
    (target / _DATA).parent.mkdir(exist_ok=True)
    pyarrow.parquet.write_table(table, target / _DATA)
    _lower_spec(target / SPEC_FILE)
    copy = load_project(target)
    _lower_suite(copy.file(copy.spec.validation.suite))
    return copy


def _lower_spec(path: Path) -> None:
    yaml = YAML(typ="safe", pure=True)
    # a key with a space in it must not be broken over two lines
    yaml.default_flow_style, yaml.width = False, 100_000
    declared: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"))
    declared["data"]["source"] = {"path": _DATA}
    declared["train"]["min_examples"] = 1
    declared["promote"] = {"approval": "none"}
    for gate in declared["gates"]:
        if "rows" in gate:
            gate["at_least"] = 1
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(declared, file)


def _lower_suite(path: Path) -> None:
    suite = json.loads(path.read_text(encoding="utf-8"))
    suite["expectations"] = [one for one in suite["expectations"] if "row_count" not in one["type"]]
    path.write_text(json.dumps(suite), encoding="utf-8")
