"""The Data Docs page: one file that reads well on its own, without a network and without scripts."""

from __future__ import annotations

import re
from html import escape
from importlib.resources import files
from typing import Any

from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema
from great_expectations.render.renderer import ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaSectionView

from airflow_mlkit.validation.report import ValidationReport
from airflow_mlkit.validation.verdict import Standing

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<header>
<p class="eyebrow">Data Docs</p>
<h1>{suite} <span class="verdict {state}">{verdict}</span></h1>
<p class="numbers">{numbers}</p>
<label><input type="checkbox" id="only-failed"> Only what did not pass</label>
</header>
<main>
<nav aria-label="Contents"><ul>{contents}</ul></nav>
<div class="sections">{sections}</div>
</main>
<footer>Rendered by Great Expectations. {suite_file}</footer>
</body>
</html>
"""


def render_data_docs(result: dict[str, Any], report: ValidationReport, *, suite_file: str) -> str:
    """The page of one validation result.

    Great Expectations renders the sections. Its own page loads seventeen addresses from outside and shows values of the
    data unescaped, so that here each text is escaped first and the frame around the sections is the kit's.

    Args:
        result: as `airflow_mlkit.validation.great_expectations.validate` returns it.
        report: the same result as verdicts.
        suite_file: where the suite stands in the project.
    """
    document = ValidationResultsPageRenderer(run_info_at_end=True).render(_load(_escaped(result)))
    # the first section is the overview and the last one the run's info: the header says both
    sections = document.to_json_dict()["sections"][1:-1]
    view = DefaultJinjaSectionView()
    bodies = [view.render({"section": section, "section_loop": {"index": n}}) for n, section in enumerate(sections)]
    return _PAGE.format(
        title=escape(f"{report.suite}: {_verdict(report)}"),
        style=files("airflow_mlkit.validation").joinpath("data_docs.css").read_text(encoding="utf-8"),
        suite=escape(report.suite),
        state="passed" if report.passed else "stopped",
        verdict=_verdict(report),
        numbers=_numbers(report),
        contents="".join(
            f'<li><a href="#section-{n}">{section["section_name"]}</a></li>' for n, section in enumerate(sections)
        ),
        sections=_tidied("".join(bodies)),
        suite_file=escape(suite_file),
    )


def _load(result: dict[str, Any]) -> Any:
    return expectationSuiteValidationResultSchema.load(result)


def _verdict(report: ValidationReport) -> str:
    return "passed" if report.passed else "stopped the run"


def _numbers(report: ValidationReport) -> str:
    counts = [(report.count(standing), standing) for standing in Standing]
    parts = [f"<b>{count:,}</b> {standing}" for count, standing in counts if count]
    return f"<b>{report.rows:,}</b> rows, <b>{len(report.verdicts)}</b> expectations: {', '.join(parts)}"


def _escaped(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _escaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_escaped(item) for item in value]
    return escape(value) if isinstance(value, str) else value


def _tidied(html: str) -> str:
    """The sections with each id at most once, for each numbers its blocks from one, and each text escaped only once."""
    single = re.sub(r"&amp;(lt|gt|quot|amp|#x27);", r"&\1;", html)
    return re.sub(r'\s+id="content-block-[^"]*"', "", single)
