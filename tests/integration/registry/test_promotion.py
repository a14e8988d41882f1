"""Promotion on real parts: MLflow on SQLite, the champion log in a folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from airflow_mlkit.exceptions import RegistryError
from airflow_mlkit.registry import ChampionEntry
from airflow_mlkit.registry.address import resolved
from airflow_mlkit.registry.challenger import Challenger
from airflow_mlkit.registry.champion_log import ChampionLog
from airflow_mlkit.registry.model_registry import ANCHOR_ALIAS, CHAMPION_ALIAS, ENTRY_TAG, ModelRegistry
from airflow_mlkit.registry.promotion import Promotion, promote
from tests.challengers import open_registry, report_against

Make = Callable[..., Challenger]


def run(registry: ModelRegistry, challenger: Challenger, seen: ChampionEntry | None = None) -> Promotion:
    """Promote a challenger whose gates saw a champion that may be out of date by now."""
    return promote(
        challenger, registry, report_against(seen, challenger), lambda champion: report_against(champion, challenger)
    )


def alias(registry: ModelRegistry, name: str = CHAMPION_ALIAS) -> str:
    return str(registry.client.get_model_version_by_alias("churn", name).version)


def test_the_first_challenger_becomes_the_champion_with_all_it_can_tell(
    registry: ModelRegistry, make_challenger: Make
) -> None:
    promotion = run(registry, make_challenger(80))
    assert promotion.decision == "promoted"
    assert alias(registry) == "1"
    version = registry.version("1")
    assert version.tags["mlkit.holdout_hash"] == "h"
    assert version.tags["mlkit.champion_entry"] == "1"
    tracked = registry.client.get_run(version.run_id)
    assert tracked.data.metrics == {"roc_auc": 0.8}
    assert tracked.data.params == {"max_depth": "3", "w_nsche _ more": "[1, 2]"}
    assert tracked.info.status == "FINISHED"
    names = {file.path for file in registry.client.list_artifacts(version.run_id)}
    assert names == {"model", "report.html", "version.json"}


def test_a_version_with_thousands_of_columns_tells_all_of_them(registry: ModelRegistry, make_challenger: Make) -> None:
    """MLflow takes no tag of that length; the file beside the model has them."""
    columns = tuple(f"a_column_with_a_long_name_{number}" for number in range(2000))
    run(registry, make_challenger(80, features=columns))
    version = registry.version("1")
    assert version.tags["mlkit.features"] == "see version.json"
    assert registry.facts(version).features == columns


def test_a_champion_that_came_in_between_is_compared_with_again(registry: ModelRegistry, make_challenger: Make) -> None:
    run(registry, make_challenger(80))
    better, worse = run(registry, make_challenger(90)), run(registry, make_challenger(85))
    assert better.decision == "promoted"
    assert better.compared_again == 1
    assert worse.decision == "held_back"
    assert worse.reason == "roc_auc 0.85 against 0.9"
    assert [entry.metrics["roc_auc"] for entry in registry.log.entries()] == [0.8, 0.9]


def test_the_anchor_moves_only_with_a_promotion_that_was_proven_better(
    registry: ModelRegistry, make_challenger: Make
) -> None:
    for score, moves_anchor in ((80, False), (81, False), (90, True), (91, False)):
        challenger = make_challenger(score)
        report = report_against(registry.log.head(), challenger, moves_anchor=moves_anchor)
        promote(challenger, registry, report, lambda _: pytest.fail("nobody came in between"))
    assert [entry.anchor for entry in registry.log.entries()] == [1, 1, 3, 3]
    assert (alias(registry), alias(registry, ANCHOR_ALIAS)) == ("4", "3")


def test_an_anchor_that_was_deleted_in_mlflow_keeps_no_champion_back(
    registry: ModelRegistry, make_challenger: Make
) -> None:
    for score in (80, 81):
        run(registry, make_challenger(score), registry.log.head())
    registry.client.delete_model_version("churn", "1")
    assert run(registry, make_challenger(82)).decision == "promoted"
    assert registry.client.get_registered_model("churn").aliases == {CHAMPION_ALIAS: 3}


def test_older_data_never_replaces_a_newer_champion(registry: ModelRegistry, make_challenger: Make) -> None:
    run(registry, make_challenger(80))
    stale = run(registry, make_challenger(99, as_of=datetime(2025, 12, 31)))
    assert stale.decision == "held_back"
    assert "2025-12-31" in stale.reason


def test_a_run_that_is_repeated_changes_nothing(registry: ModelRegistry, make_challenger: Make) -> None:
    first, second = (run(registry, make_challenger(80)) for _ in range(2))
    assert first.entry == second.entry
    assert len(registry.log.entries()) == len(registry.versions()) == 1


def test_a_run_that_is_repeated_heals_the_alias(registry: ModelRegistry, make_challenger: Make) -> None:
    run(registry, make_challenger(80))
    registry.client.delete_registered_model_alias("churn", CHAMPION_ALIAS)
    registry.client.delete_model_version_tag("churn", "1", ENTRY_TAG)
    run(registry, make_challenger(80))
    assert alias(registry) == "1"
    assert registry.version("1").tags[ENTRY_TAG] == "1"


@pytest.mark.parametrize("lost", [(2,), (1, 2)], ids=["the newest", "all"])
def test_a_log_that_lost_its_newest_entries_gets_no_other_champion(
    registry: ModelRegistry, make_challenger: Make, lost: tuple[int, ...]
) -> None:
    for score in (80, 90):
        run(registry, make_challenger(score))
    for n in lost:
        (registry.log.root / f"{n}.json").unlink()
    for score in (80, 95):
        with pytest.raises(RegistryError, match=r"2\.json is missing: MLflow knows of champion 2 of churn"):
            run(registry, make_challenger(score))
    assert len(registry.log.entries()) == 2 - len(lost)
    assert alias(registry) == "2"


def test_a_copied_project_keeps_its_later_models_to_itself(
    registry: ModelRegistry, make_challenger: Make, tmp_path: Path
) -> None:
    run(registry, make_challenger(80))
    original = Path(registry.log.uri).parents[2]
    before = sorted(original.rglob("*"))
    copy = Path(shutil.copytree(original, tmp_path / "a copy"))
    for score in (90, 95):
        promotion = run(open_registry(copy), make_challenger(score))
        assert promotion.entry is not None
        artifact = resolved(promotion.entry.artifact, str(copy / ".mlkit/champions/churn"))
        assert (copy / ".mlkit/mlartifacts") in Path(artifact).parents
        assert (Path(artifact) / "model.json").is_file()
    assert sorted(original.rglob("*")) == before


def test_the_same_model_from_another_run_is_held_back(registry: ModelRegistry, make_challenger: Make) -> None:
    run(registry, make_challenger(80))
    again = run(registry, make_challenger(80, run_id="another"))
    assert again.decision == "held_back"
    assert "same model as the champion" in again.reason


def test_a_run_whose_champion_was_replaced_is_not_promoted_a_second_time(
    registry: ModelRegistry, make_challenger: Make
) -> None:
    run(registry, make_challenger(80))
    run(registry, make_challenger(90))
    late = run(registry, make_challenger(80))
    assert late.decision == "held_back"
    assert "replaced since by version 2" in late.reason
    assert alias(registry) == "2"


def test_a_registered_model_follows_one_champion_log_only(registry: ModelRegistry, make_challenger: Make) -> None:
    run(registry, make_challenger(80))
    other = ModelRegistry(registry.uri, "churn", ChampionLog(registry.log.root.parent.parent / "elsewhere" / "churn"))
    with pytest.raises(RegistryError, match="champion log champions/churn, and this project's is elsewhere/churn"):
        run(other, make_challenger(90))
    assert other.log.head() is None


def test_a_server_that_cannot_be_reached_is_named_without_its_password(
    registry: ModelRegistry, make_challenger: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    away = ModelRegistry("http://ana:s3cret@127.0.0.1:9", "churn", registry.log)
    with pytest.raises(RegistryError, match=r"http://127\.0\.0\.1:9 refuses") as caught:
        run(away, make_challenger(80))
    assert "s3cret" not in str(caught.value)
    assert registry.log.head() is None
