"""What goes wrong on a cluster is told apart: the core of it, by pods that workers wait for and by deferred ones.

A real Airflow starts the steps on a real Kubernetes. What takes long is marked `fault` and left to `make faults`, as
are the deferred pods of most tests; tests/system/test_faults.py has the rest.
"""

from __future__ import annotations

import json
import time

import pytest

from airflow_mlkit.rundir import RunDirectory
from tests.airflow_reports import open_report, report_link
from tests.pod_retrains import STEPS
from tests.waiting import wait_until

IN_BOTH_MODES = pytest.mark.parametrize("served", ["sync", "deferrable"], indirect=True)

pytestmark = [pytest.mark.needs("airflow", "kubernetes", "uv"), pytest.mark.timeout(900)]


def test_a_retrain_is_seven_pods_and_ships_a_model(cards):
    retrain = cards.retrain()
    assert retrain.wait() == "success"
    grown = {"evaluate": [("tiny", "out_of_memory"), ("small", "done")]}
    assert {step: retrain.causes(step) for step in STEPS} == {step: [("small", "done")] for step in STEPS} | grown
    assert retrain.directory.published("promote").record.summary["model_version"] == "1"
    log = retrain.log("train")
    assert ("the triggerer waits for the pod" in log) == cards.is_deferrable
    assert "train: done after" in log
    assert "tried: small: done" in log
    assert cards.platform.pods() == []
    report = open_report(cards.airflow, report_link(cards.airflow, cards.dag_id, retrain.run_id, "gate"))
    assert "tiny: out of memory" in report
    pods = open_report(cards.airflow, report_link(cards.airflow, cards.dag_id, retrain.run_id, "split", "Pods"))
    assert retrain.pods("split")[0].pod in pods


@pytest.mark.parametrize("served", ["sync"], indirect=True)
def test_a_retrain_with_its_runs_on_a_volume_needs_no_second_try(cards, tmp_path):
    """Steps on several nodes and Airflow's workers, who are another user, write to the same folders."""
    if not cards.platform.cluster.is_ours:
        pytest.skip("the volume is a folder of this machine: needs the cluster of `make cluster-up`")
    champions = f"s3://{cards.platform.bucket.path.strip('/')}/champions"  # the project's, whatever its runs lie in
    with cards.platform.volume(tmp_path / "volume") as volume, cards.declared(**volume, champions=champions):
        retrain = cards.retrain(size="anywhere")
        assert retrain.wait() == "success"
    directory = RunDirectory(f"{volume['runs']}/{cards.name}/{retrain.directory.root.name}")
    assert {step: [pod.cause for pod in directory.step(step).pods(1)] for step in STEPS if step != "evaluate"} == {
        step: ["done"] for step in STEPS if step != "evaluate"
    }


@pytest.mark.parametrize("served", ["sync"], indirect=True)
def test_keys_come_as_a_file_and_the_platforms_labels_are_on_the_pod(cards):
    namespace, cluster = cards.platform.namespace.name, cards.platform.cluster
    credentials = "[default]\naws_access_key_id = test\naws_secret_access_key = test\n"
    cluster.kubectl("create", "secret", "generic", "key", "-n", namespace, f"--from-literal=credentials={credentials}")
    address = {name: text for name, text in cards.platform.keys.items() if "KEY" not in name}
    declared = {
        "env_from_secrets": [],
        "files_from_secrets": {"key": "/secrets/key"},
        "env": {"AWS_SHARED_CREDENTIALS_FILE": "/secrets/key/credentials", **address},
        "labels": {"example.com/cost-centre": "risk-42"},
    }
    with cards.declared(**declared):
        retrain = cards.retrain()
        (pod,) = wait_until(cards.platform.pods, 60)
        assert retrain.wait_for("extract") == "success"
    assert pod["metadata"]["labels"]["example.com/cost-centre"] == "risk-42"
    assert "AWS_SECRET_ACCESS_KEY" not in json.dumps(pod)


@IN_BOTH_MODES
def test_lack_of_memory_runs_again_on_the_size_that_it_grows_to(cards):
    retrain = cards.retrain(split={"hold": 700})
    assert retrain.wait_for("split") == "success"
    assert retrain.causes("split") == [("small", "out_of_memory"), ("large", "done")]
    assert retrain.directory.published("split").record.size.name == "large"
    assert "tried: small: out of memory" in retrain.log("split")
    assert retrain.task("split")["try_number"] == 1


def test_own_code_fails_at_once_with_its_words(cards):
    retrain = cards.retrain(split={"fail": True})
    assert retrain.wait_for("split") == "failed"
    assert retrain.causes("split") == [("small", "failed")]
    assert retrain.task("split")["try_number"] == 1
    _, _, end = retrain.log("split").rpartition("::group::Post Execute\n")
    assert end.startswith("features() of cards.workflow:Cards raised ValueError: these features cannot be made\n")
    last = [line for line in end.splitlines() if not line.startswith("::")][-1]
    assert last.startswith("tried: small: failed after")


def test_pod_deleted_by_hand_is_started_again(cards):
    retrain = cards.retrain(split={"sleep": 8})
    cards.platform.delete_pod(retrain.wait_for_pod("split"))
    assert retrain.wait_for("split") == "success"
    assert retrain.causes("split") == [("small", "deleted"), ("small", "done")]
    assert retrain.task("split")["try_number"] == 1


@pytest.mark.parametrize("served", ["sync"], indirect=True)
def test_worker_killed_leaves_a_pod_that_is_found_again(cards):
    """While it still works: its retry comes a minute later, and shows the log from its beginning."""
    retrain = cards.retrain(split={"count": 90})
    name = retrain.wait_for_pod("split")
    retrain.kill_worker("split")
    assert retrain.wait_for("split") == "success"
    assert [pod.pod for pod in retrain.pods("split")] == [name]
    assert retrain.task("split")["try_number"] == 2
    assert retrain.counted("split") == [*range(90)]


@pytest.mark.fault
def test_api_server_away_for_a_minute_costs_nothing(cards):
    retrain = cards.retrain(split={"count": 75})
    name = retrain.wait_for_running("split")
    cards.platform.cluster.kill_api_server()
    time.sleep(60)
    cards.platform.cluster.start_api_server()
    assert retrain.wait_for("split") == "success"
    assert [(pod.pod, pod.cause) for pod in retrain.pods("split")] == [(name, "done")]
    assert retrain.task("split")["try_number"] == 1
    assert retrain.counted("split") == [*range(75)]


@IN_BOTH_MODES
def test_run_failed_by_a_person_has_no_pod_seconds_later(cards):
    retrain = cards.retrain(split={"sleep": 300})
    retrain.wait_for_running("split")
    retrain.mark("failed")
    wait_until(lambda: not cards.platform.pods(), 30)


def test_two_gpus_where_there_is_one_are_told_in_the_schedulers_words(cards):
    retrain = cards.retrain(size="two-gpus")
    waiting = "waits for a node: 0/3 nodes are available"
    wait_until(
        lambda: retrain.task("extract")["state"] in ("running", "deferred") and waiting in retrain.log("extract"), 60
    )
    assert retrain.wait_for("extract") == "failed"
    assert retrain.causes("extract") == [("two-gpus", "no_node")]
    log = retrain.log("extract")
    assert "Insufficient nvidia.com/gpu" in log
    assert "extract: no node for the size two-gpus" in log


@pytest.mark.parametrize("served", [pytest.param("sync", marks=pytest.mark.fault), "deferrable"], indirect=True)
def test_log_that_its_node_has_rotated_is_shown_whole(cards):
    """60,000 lines, 12 MB: the node keeps them in files of 10 MB and gives the newest."""
    retrain = cards.retrain(split={"print_lines": 60_000, "width": 200, "sleep": 12})
    assert retrain.wait_for("split") == "success"
    (log,) = cards.airflow.home.glob(f"logs/*/run_id={retrain.run_id}/task_id=split/attempt=1.log")
    lines = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    numbers = [int(line.split(" ")[1].rstrip(".")) for line in lines if line.startswith("line ")]
    assert numbers == [*range(60_000)]
