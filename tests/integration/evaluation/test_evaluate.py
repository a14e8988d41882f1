"""The step evaluate on a real run: scores, metrics, slices and the page."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from airflow_mlkit.spec.metrics import metrics_of


def test_scores_metrics_and_slices_tell_the_same(evaluated):
    run = evaluated
    scores = pq.read_table(run.file("evaluate", "scores.parquet")).to_pandas()
    raw = pq.read_table(run.file("split", "holdout_raw.parquet")).to_pandas()
    found = run.json("evaluate", "metrics.json")
    assert list(scores.columns) == ["row", "label", "score"]
    assert found["rows"] == len(scores) == len(raw)
    assert list(found["metrics"]) == metrics_of("binary")
    assert found["metrics"]["roc_auc"] == pytest.approx(roc_auc_score(scores.label, scores.score))
    for country, part in found["slices"]["country"].items():
        rows = scores[(raw.country == country).to_numpy()]
        assert part["rows"] == len(rows)
        assert part["metrics"]["roc_auc"] == pytest.approx(roc_auc_score(rows.label, rows.score))
    amounts = found["slices"]["amount"]
    assert list(amounts) == ["under 10", "10 to under 30", "30 to under 9,000", "9,000 and over"]
    assert amounts["under 10"]["rows"] == (raw.amount < 10).sum()
    assert sum(part["rows"] for part in amounts.values()) == len(scores)
    assert set(amounts["9,000 and over"]["metrics"].values()) == {None}


def test_labels_in_the_scores_are_those_of_the_raw_rows(evaluated):
    run = evaluated
    labels = pq.read_table(run.file("evaluate", "scores.parquet"))["label"].to_numpy()
    raw = pq.read_table(run.file("split", "holdout_raw.parquet"))["fraud"].to_pylist()
    assert np.array_equal(labels == 1, np.array([value == "yes" for value in raw]))


def test_the_page_needs_nothing_beside_itself_and_lets_no_text_through(make_run):
    run = make_run(description='<script>alert(1)</script> & "quotes"', evaluate={"slices": ["country"]})
    page = run.file("evaluate", "report.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search(r"(?:src|href|url|@import)\s*[=(]", page)
    assert "http" not in page.replace('http-equiv="Content-Security-Policy"', "")
    assert _Balance.unclosed(page) == []


def test_the_page_names_the_model_the_gates_and_each_picture(evaluated):
    run = evaluated
    page = run.file("evaluate", "report.html").read_text()
    assert run.directory.published("train").summary["model_id"] in page
    assert "roc_auc at least 0.6" in page
    assert "to be decided" in page
    pictures = re.findall(r"<svg [^>]*>", page)
    assert len(pictures) == 4
    assert all('role="img" aria-label="' in picture for picture in pictures)


class _Balance(HTMLParser):
    """Which elements were opened and not closed."""

    VOID = frozenset({"meta", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    @classmethod
    def unclosed(cls, page: str) -> list[str]:
        parser = cls()
        parser.feed(page)
        return parser.open
