"""Many writers at one champion log, and writers that are killed: real processes, MLflow on one SQLite file."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_mlkit.project import Project
from airflow_mlkit.registry.audit import audit
from airflow_mlkit.registry.mlflow_client import artifact_root
from airflow_mlkit.registry.model_registry import CHAMPION_ALIAS, ModelRegistry
from airflow_mlkit.registry.promotion import promote
from tests import dying
from tests.buckets import EACH_STORE, SERVED
from tests.challengers import build_challenger, make_champions, open_registry, report_against
from tests.dying import Act
from tests.promoting import begin_model, freeze, promote_in_rounds, retrain, roll_back

WRITERS, ROUNDS = 4, 4


@pytest.fixture(params=[None, *EACH_STORE], ids=["local", "s3", "gs"])
def champions(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Where a log lies; None for a folder beside MLflow's database."""
    if request.param is None:
        yield None
        return
    with SERVED[request.param](f"models-{request.param}") as bucket:
        yield f"{bucket}champions/churn"


def test_writers_that_meet_at_one_number_compare_again(champions: str | None, tmp_path: Path) -> None:
    """All of them read the same head before the first one appends; one wins, and the others judge the new head.

    The first round begins on a database without tables and a log without entries.
    """
    barrier, results = dying.FORKS.Barrier(WRITERS), dying.FORKS.Queue()
    arguments = [(ROUNDS, number, tmp_path, champions, barrier, results) for number in range(WRITERS)]
    writers = [dying.start(promote_in_rounds, *one) for one in arguments]
    found = [results.get(timeout=200) for _ in range(WRITERS * ROUNDS)]
    assert {dying.was_killed(writer) for writer in writers} == {False}

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


@dataclass(frozen=True)
class Scene:
    """What is killed, what was there before, and how many entries and versions there are once it is healed."""

    act: Act
    arguments: tuple[Any, ...] = ()
    champions: tuple[int, ...] = ()
    entries: int = 1
    freezes: int = 0


SCENES = {
    "the first champion": Scene(retrain, (80,)),
    "a retrain": Scene(retrain, (90,), champions=(80,), entries=2),
    "a rollback": Scene(roll_back, champions=(80, 90), entries=3),
    "a freeze": Scene(freeze, champions=(80,), freezes=1),
}


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_killed_before_any_of_its_writes_the_same_again_heals_it(
    scene: Scene, tmp_path: Path, empty_database: Path
) -> None:
    """Each time anew with a model of its own, until a process survives."""
    mlflow = f"sqlite:///{shutil.copy(empty_database, tmp_path / 'mlflow.db')}"
    for write in range(1, 50):
        project = begin_model(tmp_path, f"churn-{write}", mlflow=mlflow)
        make_champions(ModelRegistry.of(project), project.folder, *scene.champions)
        if not dying.run(scene.act, project.folder, *scene.arguments, killed_before=write):
            break
        assert not [found for found in audit(project).findings if found.kind == "damaged"]
        assert not dying.run(scene.act, project.folder, *scene.arguments)
        see_that_it_is_whole(project, entries=scene.entries, freezes=scene.freezes)
    else:
        pytest.fail("it never survived")
    assert write > 2


def see_that_it_is_whole(project: Project, *, entries: int, freezes: int = 0) -> None:
    """Nothing is damaged, doubled or left over: an audit says so, and so does a count."""
    registry = ModelRegistry.of(project)
    found = audit(project)
    assert found.is_whole, found.findings
    assert (len(found.entries), len(found.freezes)) == (entries, freezes)
    models = {entry.model_id for entry in registry.log.entries()}
    experiment = registry.client.get_experiment_by_name(project.spec.name)
    runs = registry.client.search_runs([experiment.experiment_id])
    assert len(models) == len(registry.versions()) == len(runs)
    assert {run.info.status for run in runs} == {"FINISHED"}


def test_of_two_writers_one_is_killed_and_nothing_is_lost(tmp_path: Path, empty_database: Path) -> None:
    """Both have read the same champion. The better one lives; the other is killed before each of its writes in turn."""
    mlflow = f"sqlite:///{shutil.copy(empty_database, tmp_path / 'mlflow.db')}"
    for write in range(1, 50):
        project = begin_model(tmp_path, f"churn-{write}", mlflow=mlflow)
        make_champions(ModelRegistry.of(project), project.folder, 180)
        barrier = dying.FORKS.Barrier(2)
        meeting = (project.folder, 185, barrier), (project.folder, 190, barrier)
        mortal, other = dying.start(retrain, *meeting[0], killed_before=write), dying.start(retrain, *meeting[1])
        killed = dying.was_killed(mortal)
        assert not dying.was_killed(other)
        assert not dying.run(retrain, project.folder, 185)
        scores = [entry.metrics["roc_auc"] for entry in ModelRegistry.of(project).log.entries()]
        assert scores in ([1.8, 1.9], [1.8, 1.85, 1.9])
        assert audit(project).is_whole
        if not killed:
            break
    assert write > 2


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
