"""The page about a decision: what it shows, and that what stands in it is text."""

from __future__ import annotations

import html

import pytest

from airflow_mlkit.gates.page import render_gate_report
from airflow_mlkit.rundir import PodRecord
from airflow_mlkit.steps.gate import PAGE_FILE

from .conftest import Run
from .test_gate import crown_anchor_and_champion


def test_the_first_champion_has_a_page_without_a_comparison(run: Run) -> None:
    run.step("gate")
    page = run.file("gate", PAGE_FILE).read_text()
    assert "may be promoted" in page
    assert "Sanity checks" in page
    assert "<svg" not in page


def test_the_page_draws_the_interval_beside_the_margin_and_both_models(run: Run) -> None:
    crown_anchor_and_champion(run)
    report = run.judge(run.head)
    run.step("gate")
    page = html.unescape(run.file("gate", PAGE_FILE).read_text())
    for said in (report.reason, "against the champion", "against the anchor", "country: NG", ">margin<", "DeLong"):
        assert said in page
    comparison = report.results[1].comparison
    assert f"<strong>{comparison.estimate:.3f} better</strong>" in page
    assert f"{100 * comparison.confidence:.4g} % sure: between " in page
    assert f"{100 * comparison.against_anchor.confidence:.4g} % sure: equal" in page
    assert page.count("<svg") == 3
    assert page.count("http") == page.count("http-equiv"), "the page fetches something"


def test_a_note_that_sends_people_here_leads_to_the_table_on_the_page(run: Run) -> None:
    crown_anchor_and_champion(run)
    (note,) = (note for note in run.judge(run.head).notes if "decide nothing" in note)
    assert note.endswith("the gate report says why of each")
    run.step("gate")
    page = run.file("gate", PAGE_FILE).read_text()
    assert "the gate report says" not in page
    assert '; <a href="#slices">the table of slices</a> says why of each.' in page
    assert page.count('id="slices"') == 1


def test_the_page_tells_the_pods_of_each_step_where_there_were_any(run: Run) -> None:
    crown_anchor_and_champion(run)
    run.step("gate")
    assert "What was tried" not in run.file("gate", PAGE_FILE).read_text()
    for pod, cause in (("p1", "out_of_memory"), ("p<2>", "done")):
        run.directory.step("train").add_pod(1, PodRecord(pod=pod, size="<b>small", cause=cause))
    run.step("gate")
    page = run.file("gate", PAGE_FILE).read_text()
    assert '<th scope="row">train</th><td>&lt;b&gt;small: out of memory; &lt;b&gt;small: done</td>' in page


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "{{ 7 * 7 }}", "a\nb \N{HOT BEVERAGE}"])
def test_names_and_reasons_stay_text(run: Run, hostile: str) -> None:
    report = run.judge(None).model_copy(update={"reason": hostile, "notes": (hostile,), "concerns": (hostile,)})
    page = render_gate_report(hostile, report, kind="binary")
    assert "<script" not in page
    assert html.escape(hostile, quote=False) in page
