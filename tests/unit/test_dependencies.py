"""What the package imports is what pyproject.toml declares, each with a floor, a cap and a tested version between."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import airflow_mlkit

PACKAGE = Path(airflow_mlkit.__file__).parent
ROOT = PACKAGE.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LISTS = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
DECLARED = {str(one): one for each in LISTS for one in map(Requirement, each) if one.name != "airflow-mlkit"}
LOCKED_TOGETHER = {"pydantic_core": "pydantic"}
"""Distributions that another one requires in exactly one version."""


def imported_modules() -> Iterator[str]:
    """The top-level names of all imports in the package, inside of functions too."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]


def test_every_import_is_declared() -> None:
    declared = {canonicalize_name(one.name) for one in DECLARED.values()}
    foreign = set(imported_modules()) - set(sys.stdlib_module_names) - {"airflow_mlkit"}
    brought_by = packages_distributions()
    undeclared = {
        module
        for module in foreign
        if not declared & {canonicalize_name(name) for name in brought_by.get(LOCKED_TOGETHER.get(module, module), [])}
    }
    assert {"numpy", "airflow", "xgboost"} <= foreign
    assert undeclared == set()


@pytest.mark.parametrize("requirement", DECLARED.values(), ids=str)
def test_a_dependency_has_a_floor_a_cap_and_the_tested_version_between(requirement: Requirement) -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    tested = {canonicalize_name(name): version for name, version in re.findall(r"(\S+)==(\S+)", "\n".join(lines))}
    assert {one.operator for one in requirement.specifier} == {">=", "<"}
    assert tested[canonicalize_name(requirement.name)] in requirement.specifier
