"""Which nodes can hold a size, by the scheduler's rules, and what is said where none can."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_mlkit.cluster.admission import build_trial_pod
from airflow_mlkit.cluster.finding import Finding, Level
from airflow_mlkit.cluster.fit import judge_fit
from airflow_mlkit.cluster.scheduling import find_unborne, has_room, is_chosen, requests_of, room_of
from airflow_mlkit.plan import PlannedSize
from airflow_mlkit.spec.environment import KubernetesEnvironment
from airflow_mlkit.spec.pool import Pool
from airflow_mlkit.spec.size import Size

PLACE = KubernetesEnvironment(backend="kubernetes", namespace="ml", runs="gs://ml/runs", mlflow="https://m.example.com")
TAINT = {"key": "pool", "value": "big", "effect": "NoSchedule"}


def build_node(
    name: str = "a", pool: str = "general", taints: tuple[dict[str, str], ...] = (), **amounts: str
) -> dict[str, Any]:
    allocatable = {"cpu": "3920m", "memory": "13Gi", "pods": "110", **amounts}
    return {
        "metadata": {"name": name, "labels": {"pool": pool, "generation": "7"}},
        "spec": {"taints": list(taints)},
        "status": {"allocatable": allocatable},
    }


def judge(nodes: list[Any], pool: Pool | None = None, daemon_sets: list[Any] | None = None, **size: Any) -> Any:
    asked = Size(**{"cpu": 2, "memory": "4Gi", **size})
    planned = PlannedSize(name="s", resources=asked, pool=pool or Pool(node_selector={"pool": "general"}))
    return judge_fit(planned, build_trial_pod(PLACE, planned), nodes, daemon_sets or [])


def only(findings: list[Finding]) -> Finding:
    assert len(findings) == 1
    return findings[0]


def test_a_node_with_room_holds_the_size_and_others_are_counted() -> None:
    nodes = [build_node("a"), build_node("b", memory="2Gi"), build_node("c", pool="far")]
    assert judge(nodes) == ("1 of 2", [])


def test_a_pool_without_nodes_is_a_warning_since_it_may_be_scaled_from_zero() -> None:
    said, findings = judge([build_node(pool="far")])
    assert (said, only(findings).level) == ("none is there", Level.WARNING)


def test_a_size_that_no_node_holds_is_a_warning_with_the_most_there_is() -> None:
    said, findings = judge([build_node("a"), build_node("b", memory="14Gi")], cpu=8, memory="32Gi")
    assert said == "0 of 2"
    assert only(findings).level is Level.WARNING
    assert "32.0 GiB of memory (the most is 14.0) and 8 cores (the most is 3.92)" in findings[0].said


def test_two_nodes_that_lack_different_things_hold_nothing_together() -> None:
    said, findings = judge([build_node("a", cpu="1"), build_node("b", memory="1Gi")])
    assert said == "0 of 2"
    assert "as much of everything at once" in only(findings).said


def test_a_toleration_without_a_selector_is_a_warning_since_its_steps_may_run_anywhere() -> None:
    borne = {"tolerations": [{"key": "pool", "operator": "Exists"}]}
    said, findings = judge([build_node(taints=(TAINT,)), build_node("b")], Pool.model_validate(borne))
    assert said == "2 of 2"
    assert only(findings).level is Level.WARNING
    assert "nothing keeps its steps there" in findings[0].said
    required = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "pool", "operator": "Exists"}]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    for kept in ({"node_selector": {"pool": "general"}}, {"affinity": affinity}):
        assert judge([build_node(taints=(TAINT,))], Pool.model_validate(borne | kept)) == ("1 of 1", [])


def test_what_a_daemon_set_takes_of_each_node_is_not_there_for_steps() -> None:
    daemon = {"containers": [{"resources": {"requests": {"memory": "10Gi"}}}], "nodeSelector": {"pool": "general"}}
    daemon_sets = [{"spec": {"template": {"spec": daemon}}}]
    assert judge([build_node()])[0] == "1 of 1"
    assert judge([build_node()], daemon_sets=daemon_sets)[0] == "0 of 1"
    daemon["nodeSelector"] = {"pool": "far"}
    assert judge([build_node()], daemon_sets=daemon_sets)[0] == "1 of 1"


def test_a_taint_that_no_toleration_bears_is_a_problem_and_named() -> None:
    said, findings = judge([build_node(taints=(TAINT,))])
    assert (said, only(findings).level) == ("0 of 1", Level.PROBLEM)
    assert "pool=big:NoSchedule" in findings[0].said
    bearing = Pool(node_selector={"pool": "general"}, tolerations=({"key": "pool", "operator": "Exists"},))
    assert judge([build_node(taints=(TAINT,))], bearing) == ("1 of 1", [])


def test_a_cordoned_node_is_a_warning_for_it_comes_back() -> None:
    cordoned = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    assert only(judge([build_node(taints=(cordoned,))])[1]).level is Level.WARNING


def test_a_gpu_size_on_nodes_without_the_device_plugin_is_a_problem() -> None:
    _, findings = judge([build_node()], gpu=1)
    assert only(findings).level is Level.PROBLEM
    assert "device plugin" in findings[0].todo
    assert judge([build_node(**{"nvidia.com/gpu": "1"})], gpu=1) == ("1 of 1", [])


@pytest.mark.parametrize(
    ("toleration", "is_borne"),
    [
        ({"operator": "Exists"}, True),
        ({"operator": "Exists", "effect": "NoExecute"}, False),
        ({"key": "pool", "operator": "Exists"}, True),
        ({"key": "pool", "value": "big"}, True),
        ({"key": "pool", "value": "big", "operator": "Equal", "effect": "NoSchedule"}, True),
        ({"key": "pool", "value": "small"}, False),
        ({"key": "pool"}, False),
        ({"key": "other", "operator": "Exists"}, False),
    ],
)
def test_tolerations_bear_taints_as_the_scheduler_has_it(toleration: dict[str, str], is_borne: bool) -> None:
    assert (find_unborne({"tolerations": [toleration]}, build_node(taints=(TAINT,))) == []) is is_borne


def test_a_taint_that_only_prefers_keeps_nothing_off() -> None:
    assert find_unborne({}, build_node(taints=({"key": "spot", "effect": "PreferNoSchedule"},))) == []


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ({"key": "pool", "operator": "In", "values": ["x", "general"]}, True),
        ({"key": "pool", "operator": "NotIn", "values": ["general"]}, False),
        ({"key": "none", "operator": "NotIn", "values": ["general"]}, True),
        ({"key": "pool", "operator": "Exists"}, True),
        ({"key": "none", "operator": "DoesNotExist"}, True),
        ({"key": "generation", "operator": "Gt", "values": ["6"]}, True),
        ({"key": "generation", "operator": "Gt", "values": ["7"]}, False),
        ({"key": "generation", "operator": "Lt", "values": ["10"]}, True),
        ({"key": "pool", "operator": "Gt", "values": ["6"]}, False),
        ({"key": "generation", "operator": "Lt", "values": []}, False),
        ({"key": "generation", "operator": "Rubbish", "values": ["7"]}, False),
        ({}, False),
    ],
)
def test_affinity_names_nodes_as_the_scheduler_has_it(expression: dict[str, Any], holds: bool) -> None:
    required = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    assert is_chosen({"affinity": affinity}, build_node()) is holds


def test_one_term_of_an_affinity_is_enough_and_an_empty_one_names_no_node() -> None:
    by_name = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["a"]}]}
    affinity = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{}, by_name]}}
    }
    assert [is_chosen({"affinity": affinity}, build_node(name)) for name in ("a", "b")] == [True, False]


def test_what_a_pod_asks_for_is_what_its_containers_ask_for_together() -> None:
    containers = [
        {"resources": {"requests": {"cpu": "500m"}, "limits": {"memory": "1Gi"}}},
        {"resources": {"requests": {"cpu": 1}}},
    ]
    asked = requests_of({"containers": containers})
    assert {name: str(amount.normalize()) for name, amount in asked.items()} == {"cpu": "1.5", "memory": "1073741824"}
    assert has_room(asked, room_of(build_node()))
