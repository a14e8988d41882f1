"""Champions of a real project whose gates say what the test wants: for what people do with champions afterwards."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from airflow_mlkit.gates.report import ChampionSummary, GateReport
from airflow_mlkit.project import load_project
from airflow_mlkit.registry import ChampionLog
from airflow_mlkit.rundir import Outcome, RunDirectory, StepRecord
from airflow_mlkit.spec.run_parameters import RunParameters
from airflow_mlkit.workflows.manifest import load_manifest
from tests.stepping import run_steps

LEARN = ("extract", "split", "train", "evaluate")


def ship(folder: Path, run_id: str, *, depth: int = 3, decision: str = "promote", **report: object) -> StepRecord:
    """A whole retrain whose gates decide as the test says. Returns how promote ended; a larger depth is another model.

    Args:
        folder: of a project as `build_project` writes it.
        run_id: of a new run, or of one that has come as far as evaluate.
        depth: of the trees.
        decision: of the gates.
        report: other fields of the gate report.
    """
    project = load_project(folder)
    run = RunDirectory(f"{project.runs}/{run_id}")
    if not run.exists:
        record = run_steps(folder, run_id, *LEARN, parameters=RunParameters(params={"max_depth": depth}))
        assert record.exit_code == 0, record.reason
    publish_report(run, ChampionLog(project.champions), decision, **report)
    return run_steps(folder, run_id, "promote")


def publish_report(run: RunDirectory, champions: ChampionLog, decision: str, **fields: object) -> None:
    """Publish a gate report in the place of the step gate."""
    head = champions.head()
    model = load_manifest(run.published("train").file("model/model.json").parent)
    content = {
        "decision": decision,
        "reason": "The gates of the test say so.",
        "challenger": {"model_id": model.model_id, "run_id": run.record.run_id},
        "champion": ChampionSummary.model_validate(head.model_dump()) if head else None,
        "holdout": {"rows": 100, "hash": "h"},
    }
    attempt = run.step("gate").begin()
    (attempt.folder / "gate_report.json").write_bytes(GateReport.model_validate(content | fields).to_bytes())
    (attempt.folder / "gate_report.html").write_text("<p>The gates of the test say so.</p>")
    ended = attempt.record(outcome=Outcome.DONE, exit_code=0, files=attempt.seal(), reason=str(datetime.now(UTC)))
    attempt.end(ended)
    attempt.publish(ended)
