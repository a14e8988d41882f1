"""Many writers at one champion log, and writers that are killed: real processes, MLflow on one SQLite file."""

from __future__ import annotations

import multiprocessing
import signal
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_mlkit.registry.mlflow_client import artifact_root
from airflow_mlkit.registry.model_registry import CHAMPION_ALIAS, ModelRegistry
from airflow_mlkit.registry.promotion import promote
from tests.buckets import serve_bucket
from tests.challengers import build_challenger, open_registry, report_against
from tests.promoting import die_at, promote_in_rounds

SPAWN = multiprocessing.get_context("spawn")
WRITERS, ROUNDS = 4, 4


@pytest.fixture
def bucket() -> Iterator[str]:
    with serve_bucket("models") as bucket:
        yield str(bucket).rstrip("/")


@pytest.mark.parametrize("where", ["local", "s3"])
def test_writers_that_meet_at_one_number_compare_again(
    where: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """All of them read the same head before the first one appends; one wins, and the others judge the new head.

    The first round begins on a database without tables and a log without entries.
    """
    champions = f"{request.getfixturevalue('bucket')}/champions/churn" if where == "s3" else None
    barrier, results = SPAWN.Barrier(WRITERS), SPAWN.Queue()
    arguments = [(ROUNDS, number, tmp_path, champions, barrier, results) for number in range(WRITERS)]
    writers = [SPAWN.Process(target=promote_in_rounds, args=one) for one in arguments]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=200)
    assert [writer.exitcode for writer in writers] == [0] * WRITERS
    found = [results.get(timeout=10) for _ in range(WRITERS * ROUNDS)]

    compared = defaultdict(list)
    for round_number, _, again in found:
        compared[round_number].append(again)
    for round_number in range(1, ROUNDS):
        assert sorted(compared[round_number])[:2] == [1, 2], "one writer won, the next one compared again"
        assert sum(again >= 2 for again in compared[round_number]) == WRITERS - 1

    registry = open_registry(tmp_path, champions)
    entries = registry.log.entries()
    scores = [entry.metrics["roc_auc"] or 0 for entry in entries]
    assert scores == sorted(set(scores)), "each champion is better than the one before"
    assert len({entry.run_id for entry in entries}) == len(entries) == sum(promoted for _, promoted, _ in found)
    alias = registry.client.get_model_version_by_alias("churn", CHAMPION_ALIAS)
    assert str(alias.version) == entries[-1].model_version
    assert entries[-1].metrics["roc_auc"] == (ROUNDS * 100 - 100 + WRITERS) / 100, "the best challenger is the champion"


def test_a_promotion_killed_between_any_two_acts_is_healed_by_the_next_try(
    registry: ModelRegistry, tmp_path: Path
) -> None:
    """Killed at each point in turn; the next try goes on from what is there, and nothing is done twice."""
    folder = Path(registry.log.uri).parents[2]
    for point in ("before registering", "registered", "appended", "alias set"):
        writer = SPAWN.Process(target=die_at, args=(folder, point))
        writer.start()
        writer.join(timeout=100)
        assert writer.exitcode == -signal.SIGKILL, point
    challenger = build_challenger(folder, 80)
    healed = promote(
        challenger, registry, report_against(None, challenger), lambda head: report_against(head, challenger)
    )
    assert healed.decision == "promoted"
    assert len(registry.log.entries()) == len(registry.versions()) == 1
    assert str(registry.client.get_model_version_by_alias("churn", CHAMPION_ALIAS).version) == "1"
    experiment = registry.client.get_experiment_by_name("churn")
    assert len(registry.client.search_runs([experiment.experiment_id])) == 1


def test_a_tracking_run_that_was_left_unfinished_is_completed(registry: ModelRegistry, tmp_path: Path) -> None:
    challenger = build_challenger(tmp_path, 80)
    experiment = registry.client.create_experiment(
        "churn", artifact_location=artifact_root(registry.uri, registry.log.uri)
    )
    tags = {"mlkit.model_id": challenger.model_id, "mlkit.run_id": challenger.run_id}
    left = registry.client.create_run(experiment, tags=tags)
    promote(challenger, registry, report_against(None, challenger), lambda head: report_against(head, challenger))
    assert registry.version("1").run_id == left.info.run_id
    assert registry.client.get_run(left.info.run_id).info.status == "FINISHED"
