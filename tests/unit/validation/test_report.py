"""What stops a run, and the one screen that says so."""

from __future__ import annotations

import pytest

from airflow_mlkit.validation.report import ValidationReport
from airflow_mlkit.validation.verdict import Standing, Verdict, read_verdicts


def verdict(standing: Standing = Standing.FAILED, severity: str = "critical", **fields: object) -> Verdict:
    given = {"expectation": "expect_it", "columns": ("amount",), "severity": severity, "standing": standing}
    return Verdict(**(given | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize("standing", [Standing.FAILED, Standing.NOT_EVALUATED])
@pytest.mark.parametrize(("severity", "passes"), [("critical", False), ("warning", True), ("info", True)])
def test_only_what_is_critical_stops_a_run(standing: Standing, severity: str, passes: bool) -> None:
    report = ValidationReport("payments", 10, (verdict(Standing.PASSED), verdict(standing, severity)))
    assert report.passed == passes
    assert bool(report.summary()["warnings"]) == passes


def test_a_failure_says_column_rows_share_examples_and_place() -> None:
    failed = verdict(rows=2000, unexpected_rows=31, examples=("-1.5", "-2.0"), arguments="min_value=0")
    error = ValidationReport("payments", 2000, (failed,)).error(data_docs="/runs/1/index.html", suite_file="e/p.json")
    assert str(error).splitlines() == [
        "Validation: of 1 expectations on 2,000 rows, 1 failed.",
        "  failed: amount: expect_it (min_value=0)",
        "    31 of 2,000 rows (1.55 %), such as -1.5, -2.0",
        "Data Docs: /runs/1/index.html",
        "Nothing was trained. Mend the data at its source, or, if it changed on purpose, change e/p.json.",
    ]


def test_what_could_not_be_evaluated_is_worded_differently_and_comes_last() -> None:
    broken = verdict(Standing.NOT_EVALUATED, reason="the snapshot has no column 'amount'")
    text = str(ValidationReport("p", 9, (broken, verdict())).error(data_docs="d", suite_file="s"))
    assert "1 failed and 1 could not be evaluated" in text
    assert text.index("  failed: ") < text.index("  not evaluated: ") < text.index("the snapshot has no column")
    alone = str(ValidationReport("p", 9, (broken,)).error(data_docs="d", suite_file="s.json"))
    assert "Correct these expectations in s.json" in alone


def test_a_hundred_failures_stay_on_one_screen() -> None:
    long = verdict(rows=5, unexpected_rows=5, examples=("x" * 60,) * 5, arguments="y" * 150)
    text = str(ValidationReport("p", 5, (long,) * 100).error(data_docs="d", suite_file="s"))
    assert len(text.splitlines()) < 24
    assert "and 92 more" in text


def test_values_in_a_message_keep_to_one_short_line() -> None:
    item = {
        "success": False,
        "expectation_config": {"type": "expect_it", "kwargs": {"column": "a\nb", "regex": "z" * 500}},
        "result": {
            "element_count": 3,
            "unexpected_count": 3,
            "partial_unexpected_list": ["q\nq", "q\nq", "w" * 900, None, 1, 2, 3, 4],
        },
        "exception_info": {"raised_exception": False, "exception_message": None},
    }
    (found,) = read_verdicts({"results": [item]}, ["a\nb"])
    assert found.severity == "critical"
    assert found.examples[0] == "'q\\nq'"
    assert len(found.examples) == 5
    assert max(map(len, (*found.examples, found.arguments))) < 80
    assert "\n" not in found.finding + found.title
