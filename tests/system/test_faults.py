"""What else goes wrong on a cluster, one thing after the other, by pods that workers wait for and by deferred ones.

`make faults` runs them all, which takes hours, and writes docs/reference/faults.md.
"""

from __future__ import annotations

import gzip
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.kubernetes import POOLS, Cluster
from tests.pod_retrains import STEPS, PodProject, Retrain, read_log, slots
from tests.waiting import wait_until

pytestmark = [pytest.mark.fault, pytest.mark.needs("airflow", "kubernetes", "uv"), pytest.mark.timeout(1800)]


def test_oom_at_two_sizes_then_success(cards):
    retrain = cards.retrain(split={"hold": 1400})
    assert retrain.wait_for("split") == "success"
    assert retrain.causes("split") == [("small", "out_of_memory"), ("large", "out_of_memory"), ("high-memory", "done")]
    assert retrain.task("split")["try_number"] == 1


def test_oom_at_the_largest_size(cards):
    retrain = cards.retrain(split={"hold": 2300})
    assert retrain.wait_for("split") == "failed"
    assert "asked 2Gi, needed more; tried small, large, high-memory" in retrain.log("split")


def test_oom_of_a_child_process(cards):
    retrain = cards.retrain(split={"hold_in_child": 700})
    assert retrain.wait_for("split") == "success"
    assert retrain.causes("split") == [("small", "out_of_memory"), ("large", "done")]


def test_oom_during_evaluate(cards):
    retrain = cards.retrain(evaluate={})
    assert retrain.wait_for("evaluate") == "success"
    assert retrain.causes("evaluate") == [("tiny", "out_of_memory"), ("small", "done")]


def test_time_limit(cards):
    retrain = cards.retrain(size="a-minute", split={"sleep": 120})
    assert retrain.wait_for("split") == "failed"
    assert retrain.causes("split") == [("a-minute", "time_limit")]
    assert "ended by the time limit of the size a-minute" in retrain.log("split")


def test_more_disk_than_its_size_has(cards):
    retrain = cards.retrain(size="little-disk", split={"fill": 300, "sleep": 120})
    assert retrain.wait_for("split") == "failed"
    assert retrain.causes("split") == [("little-disk", "out_of_disk")]
    assert "split: more disk was needed than the size little-disk has" in retrain.log("split")


def test_two_steps_that_want_a_whole_node_each(cards):
    """Validate and split may run at once; the pool has one node."""
    with cards.declared(node_wait="5m"):
        retrain = cards.retrain(size="whole", split={"sleep": 10})
        assert [retrain.wait_for(step) for step in ("split", "validate")] == ["success"] * 2
    first, second = sorted((retrain.pods("split")[-1], retrain.pods("validate")[-1]), key=lambda pod: pod.started)
    assert first.ended <= second.started


def test_node_dies_while_training_and_its_node_object_stays(cards):
    cluster = cards.platform.cluster
    retrain = cards.retrain(size="anywhere", train={"slowly": True})
    node = _node_of(cards, retrain.wait_for_pod("train"))
    _wait_for_checkpoint(retrain)
    with _dead(cluster, node):
        assert retrain.wait_for("train") == "success"
    assert retrain.causes("train") == [("anywhere", "disrupted"), ("anywhere", "done")]
    assert "Training goes on from the checkpoint of" in retrain.log("train")
    assert retrain.task("train")["try_number"] == 1


def test_node_dies_and_its_node_object_is_deleted(cards):
    cluster = cards.platform.cluster
    retrain = cards.retrain(size="anywhere", train={"sleep": 30})
    node = _node_of(cards, retrain.wait_for_pod("train"))
    with _dead(cluster, node):
        cluster.kubectl("delete", "node", node)
        assert retrain.wait_for("train") == "success"
    assert [cause for _, cause in retrain.causes("train")] in (["disrupted", "done"], ["deleted", "done"])


def test_node_is_back_before_anybody_missed_it(cards):
    """As after a reboot, and as a spot machine that gets its old name: nobody evicts the pod, nobody saw it end."""
    retrain = cards.retrain(size="anywhere", train={"sleep": 30})
    with _dead(cards.platform.cluster, _node_of(cards, retrain.wait_for_pod("train"))):
        pass
    assert retrain.wait_for("train") == "success"
    assert retrain.causes("train") == [("anywhere", "disrupted"), ("anywhere", "done")]


def test_evicted_by_the_api(cards):
    retrain = cards.retrain(split={"sleep": 10})
    name, namespace = retrain.wait_for_pod("split"), cards.platform.namespace.name
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": namespace},
    }
    path = f"/api/v1/namespaces/{namespace}/pods/{name}/eviction"
    cards.platform.cluster.kubectl("create", "--raw", path, "-f", "-", given=json.dumps(eviction))
    assert retrain.wait_for("split") == "success"
    assert retrain.causes("split") == [("small", "disrupted"), ("small", "done")]
    assert retrain.task("split")["try_number"] == 1


def test_preempted_by_a_pod_of_higher_priority(cards):
    retrain = cards.retrain(split={"sleep": 10})
    retrain.wait_for_pod("split")
    with cards.platform.occupied(0):
        wait_until(lambda: retrain.pods("split"), 60)
    assert retrain.wait_for("split") == "success"
    assert retrain.causes("split") == [("small", "disrupted"), ("small", "done")]
    assert "Preempt" in retrain.pods("split")[0].said


def test_preempted_training_goes_on_from_its_checkpoint(cards):
    retrain = cards.retrain(train={"slowly": True})
    retrain.wait_for_pod("train")
    _wait_for_checkpoint(retrain)
    with cards.platform.occupied(0):
        wait_until(lambda: retrain.pods("train"), 60)
    assert retrain.wait_for("train") == "success"
    assert retrain.causes("train") == [("small", "disrupted"), ("small", "done")]
    assert "Training goes on from the checkpoint of" in retrain.log("train")
    assert retrain.task("train")["try_number"] == 1


def test_scheduler_is_killed(cards):
    retrain = cards.retrain(split={"count": 40})
    name = retrain.wait_for_pod("split")
    with _restarted(cards, "scheduler"):
        assert retrain.wait_for("split") == "success"
        assert [pod.pod for pod in retrain.pods("split")] == [name]
        assert retrain.counted("split") == [*range(40)]


def test_triggerer_is_killed(cards):
    retrain = cards.retrain(split={"count": 40})
    name = retrain.wait_for_pod("split")
    with _restarted(cards, "triggerer"):
        assert retrain.wait_for("split") == "success"
        assert [pod.pod for pod in retrain.pods("split")] == [name]
        assert retrain.counted("split") == [*range(40)]


@pytest.mark.parametrize("served", ["deferrable"], indirect=True)
def test_worker_that_resumes_a_task_is_killed(cards):
    """The pod has ended and its log is shown; a retry shows it whole."""
    retrain = cards.retrain(split={"print_lines": 100_000, "width": 100, "count": 10})
    name = retrain.wait_for_running("split")
    wait_until(lambda: retrain.task("split")["state"] == "running", 120)
    retrain.kill_worker("split")
    assert retrain.wait_for("split") == "success"
    assert [(pod.pod, pod.cause) for pod in retrain.pods("split")] == [(name, "done")]
    assert retrain.task("split")["try_number"] == 2
    assert retrain.counted("split") == [*range(10)]


def test_log_of_200_megabytes(cards):
    retrain = cards.retrain(split={"print_lines": 2_000_000, "width": 100})
    assert retrain.wait_for("split", 900) == "success"
    assert retrain.causes("split") == [("small", "done")]
    log = retrain.directory.step("split").find_log(1, retrain.pods("split")[0].pod)
    assert log is not None
    middle = gzip.decompress((log.parent / "log.middle.txt.gz").read_bytes())
    first, told, last = re.split(rb"(?m)^(\.\.\. \d+ lines .* log\.middle\.txt\.gz \.\.\.\n)", log.read_bytes())
    assert not re.search(rb"but for", told)
    numbers = [int(line[5:12].rstrip(b".")) for line in (first + middle + last).splitlines() if line[:5] == b"line "]
    assert numbers == [*range(2_000_000)]


def test_two_gigabytes_on_one_line(cards):
    retrain = cards.retrain(split={"print_megabytes_on_a_line": 2048})
    assert retrain.wait_for("split", 900) == "success"
    assert retrain.causes("split") == [("small", "done")]
    assert "x ... (longer than 64 KiB; the rest is left out)" in retrain.log("split")


def test_silence_of_fifteen_minutes(cards):
    retrain = cards.retrain(split={"sleep": 900})
    name = retrain.wait_for_pod("split")
    assert retrain.wait_for("split", 1200) == "success"
    assert [pod.pod for pod in retrain.pods("split")] == [name]


def test_image_is_not_there(cards):
    with cards.declared(image=_untagged(cards.image) + ":nobody-pushed-this"):
        retrain = cards.retrain()
        assert retrain.wait_for("extract") == "failed"
    assert retrain.causes("extract") == [("small", "not_started")]
    assert "nobody-pushed-this" in retrain.log("extract")


def test_secret_is_not_there(cards):
    with cards.declared(env_from_secrets=["runs", "no-such-secret"]):
        retrain = cards.retrain()
        assert retrain.wait_for("extract") == "failed"
    assert 'secret "no-such-secret" not found' in retrain.log("extract")


def test_quota_is_used_up(cards):
    namespace, cluster = cards.platform.namespace.name, cards.platform.cluster
    cluster.kubectl("create", "quota", "little", "-n", namespace, "--hard=requests.memory=100Mi")
    try:
        retrain = cards.retrain()
        assert retrain.wait_for("extract") == "failed"
    finally:
        cluster.kubectl("delete", "quota", "little", "-n", namespace)
    assert "exceeded quota: little" in retrain.log("extract")


def test_forbidden_by_a_policy(cards):
    with cards.platform.forbidden("steps need a cost centre"):
        retrain = cards.retrain()
        assert retrain.wait_for("extract") == "failed"
    assert "The cluster refuses: " in retrain.log("extract")
    assert "steps need a cost centre" in retrain.log("extract")
    assert retrain.pods("extract") == []


def test_taint_that_a_size_does_not_tolerate(cards):
    node, cluster = cards.platform.cluster.node(0), cards.platform.cluster
    cluster.kubectl("taint", "node", node, "owner=others:NoSchedule")
    try:
        retrain = cards.retrain()
        assert retrain.wait_for("extract") == "failed"
    finally:
        cluster.kubectl("taint", "node", node, "owner-")
    assert retrain.causes("extract") == [("small", "no_node")]
    assert "untolerated taint" in retrain.log("extract")


def test_task_failed_by_a_person_has_no_pod_seconds_later(cards):
    retrain = cards.retrain(split={"sleep": 300})
    retrain.wait_for_running("split")
    retrain.mark_task("split", "failed")
    wait_until(lambda: not cards.platform.pods(), 30)


def test_network_to_the_cluster_is_cut_for_a_minute(cards):
    """The worker cannot ask for its pod, nor the pod for its run directory: both wait."""
    retrain = cards.retrain(split={"sleep": 30})
    name = retrain.wait_for_work("split")
    with cards.platform.cluster.cut_off():
        time.sleep(60)
    assert retrain.wait_for("split") == "success"
    assert [(pod.pod, pod.cause) for pod in retrain.pods("split")] == [(name, "done")]


def test_cleared_and_run_again(cards):
    retrain = cards.retrain(split={"sleep": 20})
    first = retrain.wait_for_pod("split")
    retrain.clear("split")
    assert wait_until(lambda: _other(retrain, first), 120)
    assert retrain.wait_for("split") == "success"
    assert retrain.directory.published("split").record.pod != first
    assert cards.is_deferrable or retrain.causes("split") == [("small", "stopped"), ("small", "done")]
    wait_until(lambda: first not in [pod["metadata"]["name"] for pod in cards.platform.pods()], 30)


def test_logs_of_the_node_are_refused_for_20_seconds(cards):
    retrain = cards.retrain(split={"count": 40})
    name = retrain.wait_for_pod("split")
    with cards.platform.cluster.logs_refused(0):
        time.sleep(20)
    assert retrain.wait_for("split") == "success"
    assert [pod.pod for pod in retrain.pods("split")] == [name]
    assert retrain.counted("split") == [*range(40)]


def test_pending_pod_starts_late_beside_its_retry(cards):
    """The cluster has no node for it, who waits for it dies, and another one comes: still one pod."""
    node, cluster = cards.platform.cluster.node(0), cards.platform.cluster
    cluster.kubectl("cordon", node)
    try:
        retrain = cards.retrain(extract={})
        pending = wait_until(lambda: retrain.find_pods("extract"), 120)
        if cards.is_deferrable:
            retrain.wait_for_waiting("extract")
            cards.kill("triggerer")
            time.sleep(12)
            cards.start("triggerer")
        else:
            retrain.kill_worker("extract")
            time.sleep(12)
    finally:
        cluster.kubectl("uncordon", node)
    assert retrain.wait_for("extract") == "success"
    assert [pod.pod for pod in retrain.pods("extract")] == pending


def test_killed_after_it_had_published(cards):
    retrain = cards.retrain(split={"die_after_publishing": True})
    assert retrain.wait_for("split") == "success"
    assert retrain.causes("split") == [("small", "done")]


def test_exits_with_0_and_without_a_result(cards):
    retrain = cards.retrain(split={"leave": True})
    assert retrain.wait_for("split") == "failed"
    assert "left no outcome" in retrain.log("split")


def test_run_directory_is_slow(cards):
    with cards.platform.store.suffered("slow"):
        retrain = cards.retrain(split={})
        assert retrain.wait_for("split") == "success"
    assert retrain.causes("split") == [("small", "done")]


def test_run_directory_is_gone_for_20_seconds_while_a_step_works(cards):
    retrain = cards.retrain(split={"sleep": 30})
    name = retrain.wait_for_work("split")
    with cards.platform.store.suffered("gone"):
        time.sleep(20)
    assert retrain.wait_for("split") == "success"
    assert [pod.pod for pod in retrain.pods("split")] == [name]


def test_run_directory_is_gone_for_40_seconds_while_a_result_is_published(cards):
    retrain = cards.retrain(split={"sleep": 20})
    retrain.wait_for_work("split")
    with cards.platform.store.suffered("gone"):
        time.sleep(40)
    assert retrain.wait_for("split") == "success"
    assert retrain.directory.published("split").record.outcome == "done"


def test_run_directory_is_full(cards):
    retrain = cards.retrain(split={"sleep": 20})
    retrain.wait_for_work("split")
    with cards.platform.store.suffered("full"):
        wait_until(lambda: not retrain.find_running_pod("split"), 300)  # it asks again for three minutes
    assert retrain.wait_for("split") == "success"  # the task's own retry finds room again
    assert "Storage backend has reached its limit" in read_log(cards.airflow, cards.dag_id, retrain.run_id, "split", 1)
    assert retrain.causes("split") == [("small", "failed"), ("small", "done")]


def test_backfill_of_five(cards):
    retrains = cards.backfill("2026-07-01", "2026-11-01")
    assert [retrain.wait() for retrain in retrains] == ["success"] * 5
    done = {step: [("small", "done")] for step in ("extract", "split", "validate", "train", "gate")}
    assert [{step: retrain.causes(step) for step in done} for retrain in retrains] == [done] * 5
    as_of = [f"{retrain.directory.record.as_of:%Y-%m-%d}" for retrain in retrains]
    assert as_of == [f"2026-{month:02}-01" for month in range(7, 12)]


@pytest.mark.timeout(3600)
@pytest.mark.needs("postgresql")
def test_thirty_runs_at_once_with_three_slots(several):
    """Five of each of six projects: two retrains of one project never meet."""
    with slots(several[0].airflow, 3):
        retrains = [project.retrain() for project in several * 5]
        assert [retrain.wait(3000) for retrain in retrains] == ["success"] * 30
    done = {step: [("small", "done")] for step in STEPS if step != "promote"}  # the same data promotes once
    assert [{step: retrain.worked(step) for step in done} for retrain in retrains] == [done] * 30
    assert several[0].platform.pods() == []


def _wait_for_checkpoint(retrain: Retrain) -> None:
    checkpoints = retrain.directory.step("train").root / "1" / "checkpoints"
    wait_until(lambda: checkpoints.exists() and list(checkpoints.iterdir()), 60)


def _untagged(image: str) -> str:
    folder, slash, name = image.partition("@")[0].rpartition("/")
    return folder + slash + name.partition(":")[0]


def _other(retrain: Retrain, pod: str) -> bool:
    return retrain.wait_for_pod("split") != pod


def _node_of(cards: PodProject, pod: str) -> str:
    return str(cards.platform.cluster.get("pod", pod, "-n", cards.platform.namespace.name)["spec"]["nodeName"])


@contextmanager
def _dead(cluster: Cluster, node: str) -> Iterator[None]:
    """A node without power, for a while."""
    index = next(index for index in range(len(POOLS)) if cluster.node(index) == node)
    cluster.kill_node(index)
    try:
        yield
    finally:
        cluster.start_node(index)


@contextmanager
def _restarted(cards: PodProject, component: str) -> Iterator[None]:
    """A component of Airflow that is killed, and started again after eight seconds as its supervisor would."""
    cards.kill(component)
    time.sleep(8)
    cards.start(component)
    yield
