"""A suite file that cannot be used is refused with its place and what to write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from airflow_mlkit.exceptions import UserError
from airflow_mlkit.project import load_project
from airflow_mlkit.validation.suite import check_suite, load_suite

NOT_NULL = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "amount"}}


def suite(*expectations: Any, **keys: Any) -> str:
    return json.dumps({"name": "payments", "expectations": expectations, **keys})


def expectation(**changes: Any) -> dict[str, Any]:
    return NOT_NULL | changes


BAD = {
    "not JSON": ('{"name": "x",\n "expectations": [}', "line 2, column 19: this is no JSON"),
    "empty file": ("", "line 1, column 1: this is no JSON"),
    "a list": ("[]", "a suite is a JSON object"),
    "no expectations": (suite(), "expectations: the list is empty, so that any data would pass"),
    "no name": ('{"expectations": [{"type": "x"}]}', "name: is missing; write it"),
    "a key twice": ('{"name": "a", "name": "b"}', "the key 'name' stands twice"),
    "nested too deeply": ("[" * 100_000, "nested too deeply"),
    "mistyped key": (suite(NOT_NULL, expectation=[]), "expectation: unknown key; did you mean expectations?"),
    "mistyped key inside": (
        suite(expectation(kwarg={})),
        r"expectations\[0\].kwarg: unknown key; did you mean kwargs?",
    ),
    "unknown type": (
        suite(NOT_NULL, expectation(type="expect_column_values_not_be_null")),
        r"expectations\[1\] expect_column_values_not_be_null: there is no such expectation; did you mean expect_column",
    ),
    "missing argument": (suite(expectation(kwargs={})), "kwargs.column: field required"),
    "unknown argument": (
        suite(expectation(kwargs={"column": "amount", "mostlyy": 0.9})),
        "kwargs: unknown argument 'mostlyy'; did you mean mostly?",
    ),
    "no limit": (
        suite({"type": "expect_column_values_to_be_between", "kwargs": {"column": "amount"}}),
        "kwargs: min_value and max_value cannot both be None",
    ),
    "severity": (
        suite(expectation(severity="fatal")),
        r"expectations\[0\].severity: 'fatal' is not known; known are critical, warning, info",
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=list(BAD))
def test_a_bad_suite_is_refused_with_its_file_and_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "payments.json"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        load_suite(path)
    assert caught.value.message.startswith(f"{path}: ")
    assert caught.value.hint


def test_a_huge_suite_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "payments.json"
    with path.open("wb") as file:
        file.truncate(6 << 20)
    with pytest.raises(UserError, match="it has 6 MiB; a suite may have 5 MiB"):
        load_suite(path)


def test_a_suite_in_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "payments.json"
    path.write_bytes(suite(NOT_NULL).encode("utf-16"))
    with pytest.raises(UserError, match="not in UTF-8"):
        load_suite(path)


def test_many_problems_are_said_at_once_and_stay_on_one_screen(tmp_path: Path) -> None:
    path = tmp_path / "payments.json"
    path.write_text(suite(*[expectation(type="expect_nothing")] * 100))
    with pytest.raises(UserError, match="and 90 more problems") as caught:
        load_suite(path)
    assert len(str(caught.value).splitlines()) < 15


def test_a_suite_that_great_expectations_exported_is_read(tmp_path: Path) -> None:
    path = tmp_path / "payments.json"
    exported = expectation(id="0a", meta={}, severity="warning")
    path.write_text(suite(exported, id="1b", meta={"great_expectations_version": "1.24.1"}, notes=None))
    assert load_suite(path).expectations[0].severity == "warning"


def test_check_names_columns_that_the_snapshot_will_not_have(project_folder: Path) -> None:
    assert check_suite(load_project(project_folder)) == []
    (project_folder / "expectations" / "payments.json").write_text(suite(expectation(kwargs={"column": "amout"})))
    assert check_suite(load_project(project_folder)) == [
        (
            "expectations/payments.json: expectations[0] expect_column_values_to_not_be_null: mlkit.yaml names no "
            "column 'amout', so the snapshot will not have it; did you mean amount?"
        )
    ]


def test_check_says_that_the_file_is_not_there(project_folder: Path) -> None:
    spec = YAML().load(project_folder / "mlkit.yaml")
    spec["validate"]["suite"] = "expectations/none.json"
    YAML().dump(spec, project_folder / "mlkit.yaml")
    (problem,) = check_suite(load_project(project_folder))
    assert "none.json is not there" in problem
