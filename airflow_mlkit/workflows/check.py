"""What can be said of a project's workflow without data, for `mlkit check`."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

from airflow_mlkit.exceptions import WorkflowError
from airflow_mlkit.project import Project
from airflow_mlkit.workflows.load import load_workflow
from airflow_mlkit.workflows.trusted_types import is_own
from airflow_mlkit.workflows.user_code import user_code

_KEEP_FUNCTIONS = {"FunctionTransformer", "TransformedTargetRegressor"}
"""Estimators that hold the functions they are given, and are saved with them."""


def check_workflow(project: Project) -> list[str]:
    """Every problem that shows before a row is read; empty when there is none."""
    problems: list[str] = []
    try:
        load_workflow(project)
    except WorkflowError as error:
        problems.append(str(error))
    else:
        problems += _check_trusted(project)
    for path in project.code_files.values():
        problems += _check_file(path)
    return problems


def _check_trusted(project: Project) -> Iterator[str]:
    for name in project.spec.train.trusted_types:
        if not is_own(name, project.spec.package):
            yield f"train.trusted_types: {name} does not lie in the package {project.spec.package}; only own types do."
            continue
        module, _, short = name.rpartition(".")
        try:
            with user_code(f"train.trusted_types: importing {module}"):
                found = hasattr(importlib.import_module(module), short)
        except WorkflowError as error:
            yield str(error)
        else:
            if not found:
                yield f"train.trusted_types: {module} has no {short}."


def _check_file(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except (SyntaxError, ValueError):  # importing it has said so already, or it is never imported
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in _KEEP_FUNCTIONS:
            for value in (*node.args, *(keyword.value for keyword in node.keywords)):
                if isinstance(value, ast.Lambda):
                    yield (
                        f"{path}:{value.lineno} the lambda in {_name(node.func)} cannot be saved: write a function "
                        f"with def, and name it in train.trusted_types."
                    )
        elif isinstance(node, ast.If) and _is_main(node.test):
            for inner in node.body:
                if isinstance(inner, ast.ClassDef):
                    yield f"{path}:{inner.lineno} {inner.name} is a class of __main__: move it out of the if."


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_main(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and "__main__" in {getattr(item, "value", None) for item in test.comparators}
