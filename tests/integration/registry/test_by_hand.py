"""A person's word against the gates', and against other people's: MLflow on SQLite, the champion log in a folder."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_mlkit.exceptions import RegistryError, UserError
from airflow_mlkit.project import Project, load_project
from airflow_mlkit.registry import by_hand, patient_client
from airflow_mlkit.registry.asking import Answer
from airflow_mlkit.registry.audit import audit
from airflow_mlkit.registry.by_hand import promote_version, roll_back
from airflow_mlkit.registry.model_registry import ANCHOR_ALIAS, CHAMPION_ALIAS, ModelRegistry
from airflow_mlkit.registry.promotion import promote
from airflow_mlkit.registry.word import Word
from tests.buckets import Application, serve_bucket
from tests.challengers import build_challenger, make_champions, report_against
from tests.databases import serve_postgresql
from tests.promoting import begin_model, speak_together

SPAWN = multiprocessing.get_context("spawn")
ANA = Word("ana", "scores are off")


@pytest.fixture(autouse=True)
def _without_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """The models here are one small file that nobody can ask; tests/integration/predict asks real ones."""
    monkeypatch.setattr(by_hand, "ask", lambda *_: Answer(0, "not asked"))


def aliases(registry: ModelRegistry) -> dict[str, str]:
    found = registry.client.get_registered_model("churn").aliases
    return {name: str(version) for name, version in found.items()}


def versions(registry: ModelRegistry) -> list[str]:
    return [entry.model_version for entry in registry.log.entries()]


def test_a_rollback_brings_the_champion_and_its_anchor_back(
    churn: Project, registry: ModelRegistry, tmp_path: Path
) -> None:
    make_champions(registry, tmp_path, 80)
    better = build_challenger(tmp_path, 90)
    promote(better, registry, report_against(registry.log.head(), better, moves_anchor=True), pytest.fail)
    assert aliases(registry) == {CHAMPION_ALIAS: "2", ANCHOR_ALIAS: "2"}
    change = roll_back(churn, ANA)
    assert (change.champion.model_version, change.replaced and change.replaced.model_version) == ("1", "2")
    assert aliases(registry) == {CHAMPION_ALIAS: "1", ANCHOR_ALIAS: "1"}
    entry = registry.log.entries()[-1]
    assert (entry.action, entry.promoted_by, entry.reason, entry.restores) == ("rollback", *vars(ANA).values(), 1)
    assert entry.model_id == registry.log.entries()[0].model_id


def test_the_same_rollback_again_changes_nothing_and_another_one_must_name_its_version(
    churn: Project, registry: ModelRegistry, tmp_path: Path
) -> None:
    make_champions(registry, tmp_path, 80, 85, 90)
    roll_back(churn, ANA)
    assert not roll_back(churn, ANA).changed
    with pytest.raises(UserError, match=r"rolled back to version 2 on .* UTC by ana: scores are off"):
        roll_back(churn, Word("bo", "an alert fired"))
    roll_back(churn, Word("bo", "that one too"), to="1")
    assert versions(registry) == ["1", "2", "3", "2", "1"]


def test_the_very_model_that_was_rolled_back_from_does_not_come_back_by_itself(
    churn: Project, registry: ModelRegistry, tmp_path: Path
) -> None:
    """Neither from its own run, asked again, nor from a later one; a better one does."""
    make_champions(registry, tmp_path, 80, 90)
    roll_back(churn, ANA)
    for changed in ({}, {"run_id": "a later run"}):
        challenger = build_challenger(tmp_path, 90, **changed)
        again = promote(challenger, registry, report_against(registry.log.head(), challenger), pytest.fail)
        assert again.decision == "held_back"
        assert again.reason.startswith("The same model was rolled back from on 20")
        assert again.reason.endswith("by ana: scores are off.")
    make_champions(registry, tmp_path, 95)
    assert versions(registry) == ["1", "2", "1", "3"]


def test_a_person_may_promote_what_was_rolled_back_from(
    churn: Project, registry: ModelRegistry, tmp_path: Path
) -> None:
    make_champions(registry, tmp_path, 80, 90)
    roll_back(churn, ANA)
    change = promote_version(churn, "2", Word("bo", "it was the data"))
    assert (change.champion.action, change.champion.restores, change.champion.anchor) == ("promote", 2, 1)
    assert not promote_version(churn, "2", Word("bo", "it was the data")).changed


def test_a_version_that_was_never_champion_is_promoted_by_a_person_only(
    churn: Project, registry: ModelRegistry, tmp_path: Path
) -> None:
    """It is measured against the anchor that stands, and the model it replaced stays away."""
    make_champions(registry, tmp_path, 80, 90)
    older = datetime(2025, 12, 1, tzinfo=UTC)
    held_back = build_challenger(tmp_path, 85, documents=(_report(tmp_path),), as_of=older)
    version = registry.register(held_back, report_against(None, held_back)).version
    change = promote_version(churn, version, Word("bo", "90 is unfair"))
    assert (change.champion.model_id, change.champion.anchor) == (held_back.model_id, 1)
    assert (change.champion.run_id, change.champion.as_of) == (held_back.run_id, held_back.as_of)
    assert change.champion.metrics == {"roc_auc": 0.85}
    assert [note.partition(" is older")[0] for note in change.notes] == ["its as_of 2025-12-01 00:00"]
    replaced = build_challenger(tmp_path, 90, run_id="a later run")
    later = promote(replaced, registry, report_against(registry.log.head(), replaced), pytest.fail)
    assert "was replaced on" in later.reason


def _report(folder: Path) -> Path:
    path = folder / "gate_report.json"
    path.write_bytes(report_against(None, build_challenger(folder, 85)).to_bytes())
    return path


def test_a_version_that_the_kit_did_not_make_is_refused(churn: Project, registry: ModelRegistry) -> None:
    registry.client.create_registered_model("churn")
    registry.client.set_registered_model_tag("churn", "mlkit.champion_log", registry.log_address)
    registry.client.create_model_version("churn", "models/x")
    with pytest.raises(UserError, match=r"version 1 was not made by mlkit: it lacks the tags mlkit\.model_id"):
        promote_version(churn, "1", ANA)
    assert registry.log.head() is None


def test_a_freeze_holds_back_retrains_and_nobody_else(churn: Project, registry: ModelRegistry, tmp_path: Path) -> None:
    make_champions(registry, tmp_path, 80, 85)
    until = datetime.now(UTC) + timedelta(days=9)
    bo, freezes = Word("bo", "the sale\nof the year."), registry.log.freezes
    assert freezes.freeze(bo, until)
    assert freezes.freeze(bo, until) is None
    challenger = build_challenger(tmp_path, 90)
    held = promote(challenger, registry, report_against(registry.log.head(), challenger), pytest.fail)
    assert held.reason == f"Promotion is frozen until {until:%Y-%m-%d %H:%M} UTC by bo: the sale of the year."
    assert roll_back(churn, ANA).changed
    assert freezes.unfreeze(ANA)
    assert freezes.unfreeze(ANA) is None
    make_champions(registry, tmp_path, 90)
    with pytest.raises(UserError, match="has passed"):
        freezes.freeze(ANA, datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("to", "said"),
    [(None, "churn version 1 is the first champion"), ("7", "churn has no version '7'; known are 1")],
)
def test_what_cannot_be_rolled_back_to_is_said(
    churn: Project, registry: ModelRegistry, tmp_path: Path, to: str | None, said: str
) -> None:
    with pytest.raises(UserError, match="no champion of churn yet"):
        roll_back(churn, ANA, to)
    make_champions(registry, tmp_path, 80)
    with pytest.raises(UserError, match=said):
        roll_back(churn, ANA, to)


def test_a_version_that_was_deleted_in_mlflow_is_not_rolled_back_to(
    churn: Project, registry: ModelRegistry, tmp_path: Path
) -> None:
    make_champions(registry, tmp_path, 80, 90)
    registry.client.delete_model_version("churn", "1")
    with pytest.raises(UserError, match="MLflow has no version 1 of churn: it was deleted there"):
        roll_back(churn, ANA)
    assert versions(registry) == ["1", "2"]


def test_a_registry_that_goes_away_after_the_log_has_moved_is_told_later(
    churn: Project, registry: ModelRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_champions(registry, tmp_path, 80, 90)
    database = churn.folder / ".mlkit/mlflow.db"

    def go_away(*_: object) -> Answer:
        shutil.move(database, tmp_path / "away.db")
        database.write_text("no database")
        return Answer(0, "not asked")

    monkeypatch.setattr(by_hand, "ask", go_away)
    with pytest.raises(RegistryError, match=r"churn version 1 is the champion \(entry 3\), and MLflow was not told"):
        roll_back(churn, ANA)
    shutil.move(tmp_path / "away.db", database)
    assert aliases(registry)[CHAMPION_ALIAS] == "2"
    assert not roll_back(churn, ANA).changed
    assert aliases(registry)[CHAMPION_ALIAS] == "1"
    assert versions(registry) == ["1", "2", "1"]


@pytest.mark.needs("postgresql")
def test_a_database_that_is_stopped_in_the_middle_is_told_the_rest_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patient_client, "ATTEMPTS", 3)
    with serve_postgresql() as server:
        project = begin_model(tmp_path, "churn", mlflow=server.mlflow_uri)
        registry = ModelRegistry.of(project)
        make_champions(registry, project.folder, 80, 90)

        def stop(*_: object) -> Answer:
            server.stop()
            return Answer(0, "not asked")

        with monkeypatch.context() as patch:
            patch.setattr(by_hand, "ask", stop)
            with pytest.raises(
                RegistryError, match=r"version 1 is the champion \(entry 3\), and MLflow was not"
            ) as said:
                roll_back(project, ANA)
        assert server.password not in str(said.value)
        server.start()
        assert {finding.kind for finding in audit(project).findings} == {"moved"}
        assert not roll_back(project, ANA).changed
        assert audit(project).is_whole
        assert versions(registry) == ["1", "2", "1"]


def test_people_and_a_retrain_that_meet_are_heard_one_after_the_other(
    churn: Project, registry: ModelRegistry, tmp_path: Path
) -> None:
    """All have read that version 4 is the champion. One can follow it; the others decide again on what they find."""
    make_champions(registry, tmp_path, 80, 85, 87, 90)
    barrier, results = SPAWN.Barrier(4), SPAWN.Queue()
    writers = [SPAWN.Process(target=speak_together, args=(churn.folder, n, barrier, results)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=200)
    assert [writer.exitcode for writer in writers] == [0] * 4
    found = {number: (n, refused) for number, n, refused in (results.get(timeout=10) for _ in writers)}
    entries = registry.log.entries()
    appended = sorted(n for n, _ in found.values() if n)
    assert appended == list(range(5, len(entries) + 1)), "every entry has one author, and every author one entry"
    assert found[1][0], "a version that was named is promoted whoever comes between"
    assert found[3][0], "a better model is promoted whoever comes between"
    assert {found[number][0] for number in (0, 2)} <= {5, None}, "version 4 as it was read is undone, or nothing"
    assert aliases(registry)[CHAMPION_ALIAS] == entries[-1].model_version


class Moods:
    """A bucket that can be told to refuse writing, or everything."""

    def __init__(self, served: Application) -> None:
        self.served, self.refuses = served, ()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in self.refuses:
            found: Iterable[bytes] = self.served(environ, start_response)
            return found
        start_response("403 Forbidden", [("Content-Type", "application/xml")])
        return [b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"]


def test_a_log_in_a_bucket_that_may_not_be_written_or_read_is_told_and_left_as_it_is(churn: Project) -> None:
    moods: list[Moods] = []

    def surround(served: Application) -> Moods:
        moods.append(Moods(served))
        return moods[0]

    with serve_bucket("refusing", surround) as bucket:
        champions = str(bucket).rstrip("/") + "/champions"
        places = f"runs: ./.mlkit/runs, champions: '{champions}', mlflow: 'sqlite:///.mlkit/mlflow.db'"
        (churn.folder / "platform.yaml").write_text(f"environments: {{laptop: {{backend: local, {places}}}}}")
        project = load_project(churn.folder)
        registry = ModelRegistry.of(project)
        make_champions(registry, churn.folder, 80, 90)
        for refuses, said in ((("PUT",), r"3\.json cannot be written"), (("GET", "HEAD"), "cannot be (listed|read)")):
            moods[0].refuses = refuses
            with pytest.raises(RegistryError, match=said):
                roll_back(project, ANA)
            with pytest.raises(RegistryError, match=said.replace("3", "1")):
                registry.log.freezes.freeze(ANA, datetime(2999, 1, 1, tzinfo=UTC))
        moods[0].refuses = ()
        assert roll_back(project, ANA).champion.n == 3
        assert registry.log.freezes.freeze(ANA, datetime(2999, 1, 1, tzinfo=UTC))
        assert audit(project).is_whole
        assert versions(registry) == ["1", "2", "1"]
