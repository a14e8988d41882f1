"""validate: the raw rows against the project's expectation suite, before anything is trained."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from airflow_mlkit.data.frame import to_frame
from airflow_mlkit.steps.context import StepContext, StepResult
from airflow_mlkit.validation.data_docs import render_data_docs
from airflow_mlkit.validation.great_expectations import validate
from airflow_mlkit.validation.report import ValidationReport
from airflow_mlkit.validation.suite import DeclaredSuite, load_suite
from airflow_mlkit.validation.verdict import read_verdicts

log = logging.getLogger("airflow_mlkit.validate")

SHOWN_WARNINGS = 20
DATA_DOCS = "data_docs/index.html"


def run(context: StepContext) -> StepResult:
    """Validate the snapshot; the result and its page are written whether it passes or not.

    Raises:
        UserError: when the suite file is no suite.
        ValidationFailed: when a critical expectation failed, or could not be evaluated.
    """
    suite_file = context.spec.validation.suite
    suite = load_suite(context.project.file(suite_file))
    result, report = _validate(suite, context.input("extract").file("snapshot.parquet"))
    _write(context.folder, result, render_data_docs(result, report, suite_file=suite_file))
    _log_warnings(report)
    if not report.passed:
        raise report.error(data_docs=str(context.attempt.root / DATA_DOCS), suite_file=suite_file)
    return StepResult(summary=report.summary())


def _validate(suite: DeclaredSuite, snapshot: Path) -> tuple[dict[str, Any], ValidationReport]:
    available = pq.read_schema(snapshot).names
    frame = to_frame(pq.read_table(snapshot, columns=suite.columns(available)))
    result = validate(suite, frame)
    return result, ValidationReport(suite.name, len(frame), tuple(read_verdicts(result, available)))


def _write(folder: Path, result: dict[str, Any], page: str) -> None:
    (folder / "validation.json").write_text(json.dumps(result, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    (folder / DATA_DOCS).parent.mkdir()
    (folder / DATA_DOCS).write_text(page, encoding="utf-8")


def _log_warnings(report: ValidationReport) -> None:
    for verdict in report.notable[:SHOWN_WARNINGS]:
        log.warning("%s, %s: %s: %s", verdict.severity, verdict.standing, verdict.title, verdict.finding)
    if len(report.notable) > SHOWN_WARNINGS:
        log.warning("and %d more expectations that do not stop the run", len(report.notable) - SHOWN_WARNINGS)
