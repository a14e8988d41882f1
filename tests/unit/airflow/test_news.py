"""What people read: golden messages, and what hostile names and reasons become in them."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from email.mime.text import MIMEText
from pathlib import Path

import pytest

from airflow_mlkit.airflow.news import SUBJECT_LENGTH, News, write_message

GOLDEN = Path(__file__).parent / "golden"
HELD_BACK = News(
    event="held_back",
    model="card-payments",
    step="promote",
    environment="prod",
    owner="risk-ml",
    run="manual__2026-11-21T06-00-00-00-00-c755f2223172",
    dag_run="manual__2026-11-21T06:00:00+00:00",
    page="https://airflow.example.com/dags/card-payments-retrain/runs/manual__2026-11-21T06%3A00%3A00%2B00%3A00",
    report="https://airflow.example.com/mlkit/reports/card-payments-retrain/manual/promote",
    sentence="The challenger's roc_auc of 0.812 is worse than the champion's 0.823.",
    decision="hold_back",
    as_of=datetime(2026, 11, 21, 6, tzinfo=UTC),
)
CASES = {
    "held_back": HELD_BACK,
    "undecided": replace(HELD_BACK, decision="undecided", sentence="12,000 more rows like these would decide it."),
    "refused": replace(HELD_BACK, decision="promote", sentence="It passed its gates, and ana said no: too\nmany"),
    "failed": replace(
        HELD_BACK,
        event="failed",
        step="validate",
        decision=None,
        tries=2,
        sentence="amount: 3 of 600 rows are missing\nData Docs: /runs/index.html",
    ),
    "predict_failed": replace(HELD_BACK, event="failed", step="predict", decision=None, report=None),
    "waiting": replace(
        HELD_BACK,
        event="waiting",
        step="approve",
        decision="promote",
        environment="laptop",
        sentence="It is better by 0.02.",
        asked=("ana", "ben"),
        deadline=datetime(2026, 11, 24, 6, 30, tzinfo=UTC),
        question="https://airflow.example.com/dags/card-payments-retrain/runs/r/tasks/approve/required_actions",
    ),
    "promoted": replace(HELD_BACK, event="promoted", decision="promote", version="7"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_message_says_what_why_where_and_what_to_do_now(case):
    """As committed in golden/; MLKIT_REGENERATE=1 writes them anew."""
    message = write_message(CASES[case])
    written = f"{message.subject}\n\n{message.text}\n{message.html}"
    path = GOLDEN / f"{case}.txt"
    if os.environ.get("MLKIT_REGENERATE"):
        path.write_text(written, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == written


HOSTILE = 'a"\n<script>alert(1)</script>\r\nBcc: x@example.com\u2028\u202e\x00\ud800{{ conn.warehouse.password }}'


def test_hostile_texts_are_one_line_in_the_subject_and_text_in_the_html():
    """No header, no markup, no character that a mail cannot carry."""
    message = write_message(replace(HELD_BACK, model=HOSTILE, sentence=HOSTILE, owner=HOSTILE, dag_run=HOSTILE))
    assert message.subject.splitlines() == [message.subject]
    assert "<script" not in message.html
    assert not {"\x00", "\u202e", "\ud800"} & set("".join(message))
    MIMEText(message.html, "html", "utf-8")


def test_a_reason_of_a_megabyte_is_shortened_and_says_so():
    message = write_message(replace(HELD_BACK, event="failed", sentence="x" * 2**20))
    assert len(message.subject) == SUBJECT_LENGTH
    assert len(message.text) < 3000
    many = write_message(replace(HELD_BACK, event="failed", sentence="line\n" * 100_000))
    assert "shortened; the task's log has all of it" in many.text
    assert len(many.text.splitlines()) < 40


def test_an_address_without_a_host_is_no_link():
    """Where Airflow's base_url is not set; from a mail it would lead nowhere."""
    message = write_message(replace(HELD_BACK, report="/mlkit/reports/a/b/gate", page="/dags/a"))
    assert "<a href" not in message.html
    assert "Report: /mlkit/reports/a/b/gate" in message.html
