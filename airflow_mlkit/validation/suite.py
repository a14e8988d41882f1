"""The project's expectation suite: plain JSON, read and checked before any data is there."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError, field_validator

from airflow_mlkit.data.columns import needed_columns
from airflow_mlkit.exceptions import MLKitError, UserError
from airflow_mlkit.spec.nearest import did_you_mean
from airflow_mlkit.spec.values import Declared, Text

if TYPE_CHECKING:
    from airflow_mlkit.project import Project

LARGEST_SUITE = 5 << 20
"""In bytes. A suite names rules; one this long holds data."""

SHOWN_PROBLEMS = 10

Severity = Literal["critical", "warning", "info"]


class DeclaredExpectation(Declared):
    """One expectation as the suite declares it. `id`, `notes` and `description` are what Great Expectations exports."""

    type: Text
    kwargs: dict[str, Any] = Field(default_factory=dict)
    severity: Severity = "critical"
    meta: dict[str, Any] | None = None
    id: str | None = None
    notes: str | list[str] | None = None
    description: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it names."""
        given = [self.kwargs.get(key) for key in ("column", "column_A", "column_B")]
        listed = self.kwargs.get("column_list")
        given += listed if isinstance(listed, list) else []
        return tuple(name for name in given if isinstance(name, str))

    @property
    def needs_whole_table(self) -> bool:
        """Whether it looks at columns that it does not name."""
        return bool(self.kwargs.get("row_condition")) or self.type.startswith("expect_table_column")


class DeclaredSuite(Declared):
    """A suite file."""

    name: Text
    expectations: tuple[DeclaredExpectation, ...]
    meta: dict[str, Any] | None = None
    id: str | None = None
    notes: str | list[str] | None = None

    @field_validator("expectations")
    @classmethod
    def _some(cls, expectations: tuple[DeclaredExpectation, ...]) -> tuple[DeclaredExpectation, ...]:
        if not expectations:
            raise ValueError("the list is empty, so that any data would pass")
        return expectations

    def columns(self, available: list[str]) -> list[str]:
        """Which of a table's columns the suite looks at, in its order; at least one, to count rows."""
        if any(expectation.needs_whole_table for expectation in self.expectations):
            return available
        named = {name for expectation in self.expectations for name in expectation.columns}
        return [name for name in available if name in named] or available[:1]


def load_suite(path: Path) -> DeclaredSuite:
    """Read a suite file and check all that can be checked without data.

    Raises:
        UserError: when it is no suite; carries up to ten problems, each with its place and what to write.
    """
    from airflow_mlkit.validation.great_expectations import find_problems

    suite = _parse(path, _read_json(path))
    problems = [
        f"expectations[{index}] {expectation.type}: {problem}"
        for index, expectation in enumerate(suite.expectations)
        for problem in find_problems(expectation.type, expectation.kwargs)
    ]
    if problems:
        raise _refusal(path, problems)
    return suite


def check_suite(project: Project) -> list[str]:
    """What is wrong with a project's suite, as sentences; empty when nothing is. Needs no data.

    Beside what `load_suite` finds: columns that mlkit.yaml does not name, and which the snapshot will not have.
    """
    try:
        suite = load_suite(project.file(project.spec.validation.suite))
    except MLKitError as error:
        return [str(error)]
    known = needed_columns(project.spec)
    return [
        f"{project.spec.validation.suite}: expectations[{index}] {expectation.type}: "
        f"mlkit.yaml names no column {name!r}, so the snapshot will not have it{did_you_mean(name, known)}"
        for index, expectation in enumerate(suite.expectations)
        for name in expectation.columns
        if name not in known
    ]


def _read_json(path: Path) -> Any:
    size = path.stat().st_size
    if size > LARGEST_SUITE:
        raise _refusal(path, [f"it has {size / 2**20:.0f} MiB; a suite may have {LARGEST_SUITE >> 20} MiB"])
    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_refuse_doubles)
    except json.JSONDecodeError as error:
        raise _refusal(path, [f"line {error.lineno}, column {error.colno}: this is no JSON: {error.msg}"]) from None
    except UnicodeDecodeError as error:
        raise _refusal(path, [f"byte {error.start}: it is not in UTF-8"]) from None
    except RecursionError:
        raise _refusal(path, ["it is nested too deeply"]) from None
    except ValueError as error:
        raise _refusal(path, [str(error)]) from None


def _refuse_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    twice = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
    if twice:
        raise ValueError(f"the key {twice[0]!r} stands twice in one object")
    return dict(pairs)


def _parse(path: Path, content: Any) -> DeclaredSuite:
    if not isinstance(content, dict):
        raise _refusal(path, ["a suite is a JSON object"])
    try:
        return DeclaredSuite.model_validate(content)
    except ValidationError as error:
        raise _refusal(path, [_describe(problem) for problem in error.errors(include_url=False)]) from None


def _describe(problem: Any) -> str:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem["loc"]).lstrip(".")
    return f"{place}: {problem['msg']}"


def _refusal(path: Path, problems: list[str]) -> UserError:
    shown = problems[:SHOWN_PROBLEMS]
    if len(problems) > len(shown):
        shown.append(f"and {len(problems) - len(shown)} more problems")
    return UserError(
        "\n".join(f"{path}: {problem}" for problem in shown),
        hint='Write {"name": "...", "expectations": [{"type": "expect_column_values_to_not_be_null", '
        '"kwargs": {"column": "..."}}]}; docs/reference/expectations.md lists the types.',
    )
