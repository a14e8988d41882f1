"""What became of each expectation: passed, failed, or not evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from airflow_mlkit.spec.nearest import did_you_mean
from airflow_mlkit.validation.suite import Severity

SHOWN_EXAMPLES = 5
_LONGEST_TEXT = 60


class Standing(StrEnum):
    """How an expectation ended. One that could not be evaluated says nothing of the data's values."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_EVALUATED = "not evaluated"


@dataclass(frozen=True)
class Verdict:
    """One expectation's standing, with what someone on call needs to know.

    `examples` are a few distinct values that were not expected, shortened; `reason` is why it could not be evaluated.
    """

    expectation: str
    columns: tuple[str, ...]
    severity: Severity
    standing: Standing
    arguments: str = ""
    rows: int | None = None
    unexpected_rows: int | None = None
    examples: tuple[str, ...] = ()
    observed: str | None = None
    reason: str | None = None

    @property
    def stops_the_run(self) -> bool:
        """Whether training on this data is refused."""
        return self.standing is not Standing.PASSED and self.severity == "critical"

    @property
    def title(self) -> str:
        """The column and the expectation with its arguments."""
        columns = ", ".join(name if name.isprintable() else repr(name) for name in self.columns)
        name = f"{columns}: {self.expectation}" if columns else self.expectation
        return f"{name} ({self.arguments})" if self.arguments else name

    @property
    def finding(self) -> str:
        """What was found, in half a line."""
        if self.reason:
            return self.reason
        if self.unexpected_rows is None or not self.rows:
            return f"observed {self.observed}" if self.observed is not None else "not met"
        share = f"{self.unexpected_rows:,} of {self.rows:,} rows ({100 * self.unexpected_rows / self.rows:.3g} %)"
        return f"{share}, such as {', '.join(self.examples)}" if self.examples else share


def read_verdicts(result: dict[str, Any], columns: list[str]) -> list[Verdict]:
    """The verdicts of a suite validation result.

    Args:
        result: as `airflow_mlkit.validation.great_expectations.validate` returns it.
        columns: those of the validated table, to tell a missing one from other trouble.
    """
    return [_read(item, columns) for item in result["results"]]


def _read(item: dict[str, Any], known: list[str]) -> Verdict:
    config, found = item["expectation_config"], item.get("result") or {}
    raised = item["exception_info"]["raised_exception"]
    kwargs = dict(config["kwargs"])
    named = _pop_columns(kwargs)
    passed = Standing.PASSED if item["success"] else Standing.FAILED
    return Verdict(
        expectation=config["type"],
        columns=named,
        severity=config.get("severity") or "critical",
        standing=Standing.NOT_EVALUATED if raised else passed,
        arguments=", ".join(f"{key}={_shorten(value)}" for key, value in kwargs.items()),
        rows=found.get("element_count"),
        unexpected_rows=found.get("unexpected_count"),
        examples=_examples(found),
        observed=_shorten(found["observed_value"]) if "observed_value" in found else None,
        reason=_why(item["exception_info"]["exception_message"], named, known) if raised else None,
    )


def _pop_columns(kwargs: dict[str, Any]) -> tuple[str, ...]:
    single = [kwargs.pop(key) for key in ("column", "column_A", "column_B") if key in kwargs]
    return tuple(str(name) for name in [*single, *kwargs.pop("column_list", [])])


def _examples(found: dict[str, Any]) -> tuple[str, ...]:
    values = [value for value in found.get("partial_unexpected_list") or [] if value is not None]
    return tuple(dict.fromkeys(_shorten(value) for value in values))[:SHOWN_EXAMPLES]


def _why(message: str | None, named: tuple[str, ...], known: list[str]) -> str:
    missing = [name for name in named if name not in known]
    if missing:
        return f"the snapshot has no column {missing[0]!r}{did_you_mean(missing[0], known)}"
    return " ".join((message or "no reason was given").split())[:300]


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
