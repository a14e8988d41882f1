"""The sanity checks in the step gate: real runs of projects with something broken in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from airflow_mlkit.data.part_sample import draw_rows, write_sample
from airflow_mlkit.gates.report import GateReport
from airflow_mlkit.project import load_project
from airflow_mlkit.spec import PipelineSpec
from tests.projects import build_project, default_spec
from tests.stepping import rewrite, run_steps

from .conftest import Run

STEPS = ("extract", "split", "train", "evaluate", "gate")

SAME_FOR_ALL = '''
from sklearn.dummy import DummyClassifier

from airflow_mlkit import Workflow


class Cards(Workflow):
    """Has learned nothing."""

    def train(self, training_dataframe, validation_dataframe):
        return DummyClassifier().fit(training_dataframe[self.feature_columns], training_dataframe[self.label])
'''


def judge(folder: Path, change: Any = None, *, rows: int = 600, workflow: str | None = None, **sections: Any) -> Any:
    """A retrain up to the gate, on changed payments."""
    spec = default_spec() | {"gates": [{"rows": "holdout", "at_least": 20}]}
    spec |= {name: spec.get(name, {}) | section for name, section in sections.items()}
    build_project(folder, rows=rows, spec=spec, **({"workflow": workflow} if workflow else {}))
    if change:
        rewrite(folder, change)
    record = run_steps(folder, "one", *STEPS)
    report = Path(load_project(folder).runs) / "one/steps/gate/1/tries/1/gate_report.json"
    return record, GateReport.model_validate_json(report.read_bytes())


def failed(report: GateReport) -> list[str]:
    return [result.check for result in report.failed_sanity]


def test_a_sound_run_passes_all_checks_and_the_report_has_each(run):
    report = run.judge(None)
    assert report.is_promotion
    assert [result.check for result in report.sanity] == [
        "distinct_scores",
        "calibration",
        "label_drift",
        "feature_drift",
        "feature_presence",
        "leak",
        "row_count",
    ]


def test_a_column_that_was_written_down_afterwards_holds_back_the_first_champion_too(tmp_path):
    def add_refund(payments: pd.DataFrame) -> pd.DataFrame:
        return payments.assign(refund=(payments["amount"] * 0.9).where(payments["fraud"] == "yes"))

    features = {"features": ["amount", "country", "refund"], "holdout": default_spec()["data"]["holdout"]}
    record, report = judge(tmp_path / "p", add_refund, rows=2500, data=features)
    assert failed(report) == ["leak"]
    assert report.reason.startswith(
        "Sanity check leak: the label can be told from 'refund' alone (ROC AUC 1, the model 1)"
    )
    assert record.summary["failed"] == ["sanity: leak"]


def test_a_model_that_scores_every_row_the_same_is_held_back(tmp_path):
    record, report = judge(tmp_path / "p", workflow=SAME_FOR_ALL, train={"params": {}})
    assert failed(report) == ["distinct_scores"]
    assert record.summary["decision"] == "hold_back"
    assert "the same score: it has learned nothing" in record.reason


BY_DATE = {"holdout": {"sampling": "date_range", "start": "2026-06-01", "end": "2026-07-01"}}


def change_units(payments: pd.DataFrame) -> pd.DataFrame:
    """Cents instead of euros from June on, and no country any more."""
    newest = payments["created_at"] >= "2026-06-01"
    return payments.assign(
        amount=payments["amount"].where(~newest, payments["amount"] * 100),
        country=payments["country"].where(~newest),
    )


def test_an_upstream_change_of_the_newest_days_is_drift_and_a_column_that_ends_is_missing(tmp_path):
    report = judge(tmp_path / "p", change_units, data=BY_DATE)[1]
    assert {"feature_drift", "feature_presence"} <= set(failed(report))
    assert "nearly all holdout rows lack 'country', which the training rows had" in report.reason


def test_rows_of_one_entity_prove_no_drift(tmp_path):
    report = judge(tmp_path / "p", change_units, data=BY_DATE, evaluate={"groups": "country"})[1]
    assert failed(report) == []


def test_rows_that_have_collapsed_since_the_champion_hold_back(run):
    champion = run.copy_model("large", rows={"training": 5000, "validation": 500})
    report = run.judge(run.crown(champion))
    assert failed(report) == ["row_count"]
    assert "rows, the champion on 5,500: fewer than 50 % of its rows are there" in report.reason


@pytest.mark.parametrize("text", [None, b"{", b"{}"])
def test_a_champion_that_does_not_tell_its_rows_is_not_compared_with(run, text):
    champion = run.crown()
    manifest = Path(champion.artifact) / "model.json"
    manifest.write_bytes(text) if text else manifest.unlink()
    assert "row_count" not in failed(run.judge(champion))


def test_where_the_model_lies_behind_a_server_its_run_tells_the_rows(run):
    entry = run.crown(run.model_folder, artifact="mlflow-artifacts:/1/abc/model", run_dir=str(run.directory.root))
    (row_count,) = (result for result in run.judge(entry).sanity if result.check == "row_count")
    assert row_count.measured == 1


def test_a_column_that_is_ignored_and_not_there_is_said(run, caplog):
    with_sanity(run, leak={"ignore": ["amonut", "country"]}).judge(None)
    assert "sanity.leak.ignore: features() returned no column 'amonut'" in caplog.text


def test_a_check_that_is_switched_off_is_not_made(run):
    report = with_sanity(run, leak="off", row_count={"at_least": 0.9}).judge(None)
    assert "leak" not in [result.check for result in report.sanity]
    assert report.sanity[-1].limit == 0.9


def test_a_part_of_many_rows_is_sampled_the_same_way_wherever_it_is_drawn(tmp_path):
    column = np.arange(5000, dtype=np.float32)
    with pa.ipc.new_file(str(tmp_path / "training.arrow"), pa.schema([("x", pa.float32())])) as writer:
        for start in range(0, 5000, 1000):
            writer.write_batch(pa.record_batch({"x": column[start : start + 1000]}))
    write_sample(tmp_path, "training", most=5000)
    assert not (tmp_path / "training_sample.arrow").exists()
    write_sample(tmp_path, "training", most=1000)
    with pa.ipc.open_file(tmp_path / "training_sample.arrow") as sample:
        assert sample.read_all()["x"].to_numpy().tolist() == draw_rows(5000, 1000).tolist()


def with_sanity(run: Run, **sanity: Any) -> Run:
    """The same run under other sanity checks."""
    spec = run.project.spec.model_dump(mode="json", by_alias=True) | {"sanity": sanity}
    return replace(run, project=replace(run.project, spec=PipelineSpec.model_validate(spec)))
