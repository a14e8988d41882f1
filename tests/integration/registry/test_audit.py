"""`mlkit audit` on logs and registries as people and accidents leave them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from airflow_mlkit.cli.app import app
from airflow_mlkit.project import Project
from airflow_mlkit.registry.model_registry import ANCHOR_ALIAS, CHAMPION_ALIAS, ENTRY_TAG, ModelRegistry
from airflow_mlkit.rundir import Outcome, RunDirectory, RunRecord
from tests.challengers import build_challenger, build_entry, make_champions, report_against


def audit(project: Project, *options: str) -> Result:
    return CliRunner().invoke(app, ["audit", "--project", str(project.folder), *options], catch_exceptions=False)


def findings(project: Project) -> dict[str, str]:
    """Each finding's text, with its kind."""
    found = json.loads(audit(project, "--json").output)
    return {finding["what"]: finding["kind"] for finding in found["findings"]}


def entry_file(registry: ModelRegistry, n: int) -> Path:
    return Path(str(registry.log.root)) / f"{n}.json"


def test_a_log_that_is_whole_says_who_followed_whom_and_why(
    churn: Project, registry: ModelRegistry, tmp_path: Path
) -> None:
    assert "There is no champion of churn yet" in audit(churn).output
    make_champions(registry, tmp_path, 80, 90)
    told = audit(churn)
    assert told.exit_code == 0, told.output
    assert "version 2 is the champion, version 1 is the anchor" in told.output
    entries = json.loads(audit(churn, "--json").output)["entries"]
    assert [(one["who"], one["from_version"], one["to_version"], one["why"]) for one in entries] == [
        ("ana", None, "1", "roc_auc 0.8 against -1"),
        ("ana", "1", "2", "roc_auc 0.9 against 0.8"),
    ]


def edit(path: Path) -> None:
    path.write_text(path.read_text().replace("ana", "eve"))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda log: edit(log / "1.json"), "1.json is not the entry that 2.json was chained to."),
        (lambda log: edit(log / "3.json"), "3.json was changed: MLflow keeps another hash of it."),
        (lambda log: (log / "2.json").unlink(), "2.json is missing, and later entries are there."),
        (lambda log: (log / "3.json").unlink(), "3.json is missing: MLflow knows of champion 3"),
        (lambda log: (log / "1.json").write_text("{"), "1.json is damaged"),
    ],
    ids=["edited", "the newest edited", "removed", "the newest removed", "half a file"],
)
def test_damage_is_told_with_its_file_and_the_rest_is_shown(
    churn: Project, registry: ModelRegistry, tmp_path: Path, damage: Callable[[Path], None], said: str
) -> None:
    make_champions(registry, tmp_path, 80, 85, 90)
    damage(Path(str(registry.log.root)))
    told = audit(churn)
    assert told.exit_code == 1
    assert f"{registry.log.uri}/{said}" in told.output
    assert "roc_auc" in told.output
    assert "backup" in told.output


def test_an_alias_that_was_moved_by_hand_is_told_and_healed(
    churn: Project, registry: ModelRegistry, tmp_path: Path
) -> None:
    make_champions(registry, tmp_path, 80, 90)
    registry.client.set_registered_model_alias("churn", CHAMPION_ALIAS, "1")
    registry.client.delete_registered_model_alias("churn", ANCHOR_ALIAS)
    told = audit(churn)
    assert told.exit_code == 1
    assert "the alias champion in MLflow points to version 1, and the log says version 2" in told.output
    assert "the alias anchor in MLflow is not set, and the log says version 1" in told.output
    assert "mlkit audit --heal" in told.output
    assert audit(churn, "--heal").exit_code == 0


def test_a_writer_that_was_killed_before_it_told_mlflow_everything_is_no_forger(
    churn: Project, registry: ModelRegistry, tmp_path: Path
) -> None:
    """The hash that MLflow keeps is of an older entry of the same version."""
    first, _ = make_champions(registry, tmp_path, 80, 90)
    again = {"n": 3, "action": "rollback", "by_person": True, "restores": 1, "promoted_at": datetime.now(UTC)}
    registry.log.append(first.model_copy(update=again))
    registry.client.set_registered_model_alias("churn", CHAMPION_ALIAS, "1")
    registry.client.set_model_version_tag("churn", "1", ENTRY_TAG, "3")
    assert audit(churn).exit_code == 0


def test_versions_that_were_deleted_by_hand_are_told(churn: Project, registry: ModelRegistry, tmp_path: Path) -> None:
    make_champions(registry, tmp_path, 80, 85, 90)
    registry.client.delete_model_version("churn", "2")
    assert audit(churn).exit_code == 0, "an old version is nobody's champion"
    registry.client.delete_model_version("churn", "3")
    said = findings(churn)
    assert said["version 2, a former champion, is not in MLflow any more: it cannot be rolled back to."] == "noted"
    assert said["version 3, the champion, is not in MLflow: somebody deleted it there."] == "damaged"
    registry.client.delete_registered_model("churn")
    assert audit(churn).exit_code == 1


def test_a_gate_report_is_checked_where_its_run_is_still_there(
    churn: Project, registry: ModelRegistry, tmp_path: Path
) -> None:
    (entry,) = make_champions(registry, tmp_path, 80)
    challenger = build_challenger(tmp_path, 80)
    record = RunRecord(name="churn", run_id=entry.run_id, started=datetime.now(UTC))
    attempt = RunDirectory.create(challenger.run_dir, record).step("gate").begin()
    (attempt.folder / "gate_report.json").write_bytes(report_against(None, challenger).to_bytes())
    attempt.end(attempt.record(outcome=Outcome.DONE, exit_code=0, files=attempt.seal()))
    assert json.loads(audit(churn, "--json").output)["gate_reports"] == 1
    edit(attempt.folder / "gate_report.json")
    (attempt.folder / "gate_report.json").write_text("{}")
    assert audit(churn).exit_code == 1
    assert any("no gate report in" in said and "entry 1 was written with" in said for said in findings(churn))


def test_a_clock_that_is_behind_and_an_mlflow_that_is_away_are_told(
    churn: Project, registry: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n, day in ((1, 9), (2, 8)):
        registry.log.append(build_entry(n, promoted_at=datetime(2026, 1, day, tzinfo=UTC)))
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    away = "environments: {laptop: {backend: local, runs: ./.mlkit/runs, mlflow: 'http://ana:s3cret@127.0.0.1:9'}}"
    (churn.folder / "platform.yaml").write_text(away)
    said = findings(churn)
    assert said.pop(
        "entry 2 says that it was written before entry 1: a clock was wrong. The numbers tell the order."
    ) == ("noted")
    ((what, kind),) = said.items()
    assert what.startswith("MLflow could not be asked. MLflow at http://127.0.0.1:9 refuses")
    assert kind == "damaged"


def test_a_reason_with_lines_markup_and_escapes_is_shown_as_it_was_typed(
    churn: Project, registry: ModelRegistry
) -> None:
    reason = "[red]off[/]\n\x1b[31m since [/nothing]"
    registry.log.append(build_entry(1, reason=reason, promoted_by="[bold]eve"))
    told = audit(churn, "--project", str(churn.folder))
    text = " ".join(told.output.split())
    assert "\x1b" not in told.output
    assert "[bold]eve" in text
    assert "[red]off[/]" in text
    assert json.loads(audit(churn, "--json").output)["entries"][0]["why"] == reason
    listed = CliRunner().invoke(app, ["models", "--project", str(churn.folder)], catch_exceptions=False)
    assert "[bold]eve" in listed.output
