"""The chart mlkit-platform, as Helm makes it without a cluster."""

from __future__ import annotations

import copy
import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from airflow_mlkit.airflow.provider_info import SECTION, get_provider_info
from airflow_mlkit.spec import load_platform
from tests.helm import PLATFORM, helm, one, refusal, render

pytestmark = pytest.mark.needs("helm")

EXAMPLES = [PLATFORM / "examples" / name for name in ("gke.yaml", "any-cluster.yaml")]
AIRFLOW_EXAMPLES = [PLATFORM / "examples" / f"airflow-values-{name}.yaml" for name in ("celery", "kubernetes")]

NAMESPACE_OF_TESTS = Path(__file__).parents[2] / "cluster" / "namespace.yaml"

MLFLOW = {"to": [{"ipBlock": {"cidr": "10.0.0.5/32"}}], "ports": [{"port": 5000}]}
VALUES: dict[str, Any] = {
    "platform": {
        "environments": {
            "prod": {
                "backend": "kubernetes",
                "namespace": "ml-prod",
                "service_account": "mlkit-steps",
                "volume": {"claim": "runs", "path": "/runs"},
                "runs": "/runs/prod",
                "mlflow": "http://mlflow:5000",
            }
        }
    },
    "environments": {
        "prod": {
            "volume": {"size": "10Gi"},
            "network": {
                "egress": {"mlflow": {"to": [{"ipBlock": {"cidr": "10.0.0.5/32"}}], "ports": [{"port": 5000}]}}
            },
        }
    },
}


def read(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def changed(path: str, value: Any) -> dict[str, Any]:
    """VALUES with another value at a path, such as `environments.prod.quota`."""
    values = copy.deepcopy(VALUES)
    *places, last = path.split(".")
    inner = values
    for place in places:
        inner = inner.setdefault(place, {})
    inner[last] = value
    return values


@pytest.mark.parametrize("values", [None, *EXAMPLES], ids=lambda path: path.name if path else "no values")
def test_helm_has_nothing_to_say_against_it(values: Path | None) -> None:
    given = ["--values", values] if values else []
    said = helm("lint", "--strict", "--namespace", "airflow", PLATFORM, *given).stdout
    assert "0 chart(s) failed" in said
    assert "WARNING" not in said


@pytest.mark.parametrize("values", EXAMPLES, ids=lambda path: path.name)
def test_airflow_reads_the_platform_as_it_was_given(values: Path, tmp_path: Path) -> None:
    text = one(render(values), "ConfigMap", "mlkit-platform")["data"]["platform.yaml"]
    assert YAML(typ="safe").load(text) == read(values)["platform"]
    (tmp_path / "platform.yaml").write_text(text)
    platform = load_platform(tmp_path / "platform.yaml")
    assert set(read(values)["environments"]) <= set(platform.environments)


def test_each_environment_gets_what_the_platform_calls_it() -> None:
    made = render(VALUES)
    assert one(made, "Namespace", "ml-prod")["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert one(made, "ServiceAccount", "mlkit-steps", "ml-prod")["automountServiceAccountToken"] is False
    assert one(made, "PersistentVolumeClaim", "runs", "ml-prod")["spec"]["accessModes"] == ["ReadWriteMany"]
    (subject,) = one(made, "RoleBinding", "mlkit-launcher", "ml-prod")["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": "mlkit-airflow", "namespace": "airflow"}


def test_pods_are_called_by_nobody_and_call_what_is_named() -> None:
    policy = one(render(VALUES), "NetworkPolicy", "mlkit")["spec"]
    assert policy["podSelector"] == {}
    assert (policy["policyTypes"], policy["ingress"]) == (["Ingress", "Egress"], [])
    assert [rule["ports"] for rule in policy["egress"]] == [
        [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
        [{"port": 5000}],
    ]


def test_pods_on_gke_look_names_up_wherever_gke_has_them_looked_up() -> None:
    """kube-dns, NodeLocal DNSCache, or Cloud DNS at the address of the metadata server."""
    rules = one(render(EXAMPLES[0]), "NetworkPolicy", "mlkit")["spec"]["egress"]
    names = [rule["to"] for rule in rules if {"port": 53, "protocol": "UDP"} in rule["ports"]]
    addresses = {peer["ipBlock"]["cidr"] for peers in names for peer in peers if "ipBlock" in peer}
    assert addresses == {"169.254.20.10/32", "169.254.169.254/32"}
    assert [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}] in names


def test_a_section_of_an_environment_replaces_the_one_of_defaults() -> None:
    values = changed("environments.prod.quota", {"pods": 5}) | {"defaults": {"quota": {"requests.cpu": 8}}}
    assert one(render(values), "ResourceQuota", "mlkit")["spec"]["hard"] == {"pods": "5"}
    values["environments"]["prod"] = values["environments"]["prod"] | {"network": {"enabled": False}, "limits": {}}
    kinds = {each["kind"] for each in render(values)}
    assert not {"NetworkPolicy", "LimitRange"} & kinds


def test_what_is_there_already_is_not_made_again() -> None:
    values = changed("environments.prod.createNamespace", False)
    values["environments"]["prod"]["serviceAccount"] = {"create": False}
    values["airflow"] = {
        "serviceAccount": {"name": ""},
        "subjects": [{"kind": "User", "name": "composer@example.iam.gserviceaccount.com"}],
    }
    made = render(values)
    assert "Namespace" not in {each["kind"] for each in made}
    assert [each["metadata"]["name"] for each in made if each["kind"] == "ServiceAccount"] == ["mlkit-sweeper"]
    assert one(made, "RoleBinding", "mlkit-launcher")["subjects"] == [
        {
            "kind": "User",
            "name": "composer@example.iam.gserviceaccount.com",
            "apiGroup": "rbac.authorization.k8s.io",
        }
    ]


def test_names_that_yaml_takes_for_something_else_stay_names() -> None:
    values = changed("environments.prod.team", "007")
    for part in (values["platform"]["environments"], values["environments"]):
        part["no"] = part.pop("prod")
    values["platform"]["environments"]["no"] |= {"namespace": "null", "service_account": "on"}
    values["platform"]["environments"]["no"]["volume"] |= {"claim": "1e3"}
    made = render(values)
    labels = one(made, "Namespace", "null")["metadata"]["labels"]
    assert (labels["mlkit.dev/environment"], labels["mlkit.dev/team"]) == ("no", "007")
    assert one(made, "ServiceAccount", "on")["metadata"]["namespace"] == "null"
    assert one(made, "PersistentVolumeClaim", "1e3")


def test_nothing_in_the_platform_is_a_template() -> None:
    hostile = "{{ .Release.Name }}\n--- é\n"
    values = changed("platform.pools", {"general": {"node_selector": {"a": hostile}}})
    values["platform"]["sizes"] = {"cpu-small": {"cpu": 0.5, "memory": "1Gi"}, "large": {"cpu": 1000, "memory": "1Ti"}}
    text = one(render(values), "ConfigMap", "mlkit-platform")["data"]["platform.yaml"]
    assert YAML(typ="safe").load(text) == values["platform"]


REFUSED = {
    "environments.prod.qota": ({}, "/environments/prod': additional properties 'qota' not allowed"),
    "environments.prod.quota": ({"gpu": 1}, "/environments/prod/quota': additional properties 'gpu' not allowed"),
    "platform.environments.prod.backend": ("eks", "value must be one of 'local', 'kubernetes', 'gke'"),
    "environments.prod.limits": ({"max": {"memory": "lots"}}, "/environments/prod/limits/max/memory'"),
    "environments.prod.network.egress.all": ({}, "missing property 'to'"),
    "environments.prod.labels": (
        {"pod-security.kubernetes.io/enforce": "privileged"},
        "invalid propertyName 'pod-security.kubernetes.io/enforce'",
    ),
    "environments.prod.team": ("two words", "/environments/prod/team': 'two words' does not match pattern"),
    "environments.prd": ({}, "environments.prd: platform.environments has no prd (it has: prod)"),
    "environments.laptop": ({}, "environments.laptop: its steps are processes beside Airflow"),
    "platform.sizes": ({"big": {"cpu": 2}}, "/platform/sizes/big': missing property 'memory'"),
    "platform.environments.prod.namespce": (
        "ml",
        "/platform/environments/prod': additional properties 'namespce' not allowed",
    ),
    "platform.environments.prod.service_account": ("default", "a service_account of its own, such as mlkit-steps"),
    "platform.environments.prod.namespace": ("airflow", "can read Airflow's secrets"),
    "platform.environments.prod.volume": (None, "environments.prod.volume: platform.environments.prod names no claim"),
    "environments.prod.network": ({}, "its pods would reach DNS only, but need http://mlflow:5000"),
    "airflow.serviceAccount": ({"name": ""}, "airflow: nobody may start pods"),
    "sweeper.serviceAccount": ({"name": "mlkit-airflow"}, "the two have different rights"),
    "priorityClasses.high": ({"value": 2_000_000_000}, "/priorityClasses/high/value"),
}


@pytest.mark.parametrize("path", REFUSED)
def test_a_mistake_is_refused_with_its_place(path: str) -> None:
    value, said = REFUSED[path]
    values = changed(path, value)
    if path == "environments.laptop":
        values["platform"]["environments"]["laptop"] = {
            "backend": "local",
            "runs": "./runs",
            "mlflow": "sqlite:///m.db",
        }
    assert said in refusal(values)


@pytest.mark.parametrize("kind", ["Namespace", "PersistentVolumeClaim"])
def test_what_the_chart_writes_on_a_namespace_and_a_claim_is_not_written_twice(kind: str) -> None:
    (made,) = [each for each in render(changed("environments.prod.team", "risk")) if each["kind"] == kind]
    values = jsonschema.Draft202012Validator(json.loads((PLATFORM / "values.schema.json").read_text()))
    part = "environments.prod" + (".volume" if kind == "PersistentVolumeClaim" else "")
    for given in ("labels", "annotations") if kind == "Namespace" else ("annotations",):
        assert values.is_valid(changed(f"{part}.{given}", {"example.com/cost-centre": "7"}))
        for key in made["metadata"][given]:
            assert not values.is_valid(changed(f"{part}.{given}", {key: "x"})), key


def test_two_environments_of_one_namespace_are_refused() -> None:
    values = changed("environments.twin", {"network": {"enabled": False}})
    values["platform"]["environments"]["twin"] = values["platform"]["environments"]["prod"]
    assert "environments.twin: its namespace ml-prod is that of environments.prod too" in refusal(values)


def test_a_second_airflow_as_the_page_sets_it_up_takes_nothing_of_the_first() -> None:
    page = (PLATFORM.parents[1] / "docs" / "how-to" / "set-up-on-gke.md").read_text()
    section = page[page.index("## A second Airflow") :]
    (given,) = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    (namespace,) = re.findall(r"--namespace (\S+)", section)

    def objects(values: dict[str, Any], namespace: str) -> set[tuple[str, str, str]]:
        return {
            (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"])
            for each in render(values, namespace=namespace)
        }

    first, second = objects(read(EXAMPLES[0]), "airflow"), objects(YAML(typ="safe").load(given), namespace)
    assert {kind for kind, *_ in second} >= {"Namespace", "ConfigMap", "ServiceAccount", "Role"}
    assert not first & second


def test_what_is_tested_on_a_cluster_has_the_rights_of_the_chart_and_no_more() -> None:
    """The namespaces of the tests are made without Helm, and so without the chart."""
    (tested,) = [each for each in YAML(typ="safe").load_all(NAMESPACE_OF_TESTS.read_text()) if each["kind"] == "Role"]
    charted = one(render(VALUES), "Role", "mlkit-launcher", "ml-prod")

    def sets(role: dict[str, Any]) -> list[tuple[list[str], set[str]]]:
        return [(rule["resources"], set(rule["verbs"])) for rule in role["rules"]]

    assert sets(tested) == sets(charted)


@pytest.mark.parametrize("values", AIRFLOW_EXAMPLES, ids=lambda path: path.name)
def test_the_values_for_airflow_fit_what_the_chart_makes(values: Path) -> None:
    airflow, made = read(values), render(EXAMPLES[0])
    account = airflow["workers"]["serviceAccount"]
    assert not account["create"]
    assert one(made, "ServiceAccount", account["name"], "airflow")
    (volume,), (mount,) = airflow["volumes"], airflow["volumeMounts"]
    (file,) = one(made, "ConfigMap", volume["configMap"]["name"], "airflow")["data"]
    ours = airflow["config"][SECTION]
    assert ours["platform"] == f"{mount['mountPath']}/{file}"
    assert ours["environment"] in read(EXAMPLES[0])["environments"]
    assert set(ours) <= set(get_provider_info()["config"][SECTION]["options"])


@pytest.mark.parametrize("values", AIRFLOW_EXAMPLES, ids=lambda path: path.name)
def test_the_bundles_in_the_values_for_airflow_are_some(values: Path) -> None:
    made = {}
    for bundle in json.loads(read(values)["config"]["dag_processor"]["dag_bundle_config_list"]):
        module, name = bundle["classpath"].rsplit(".", 1)
        made[bundle["name"]] = getattr(import_module(module), name)(name=bundle["name"], **bundle["kwargs"])
    git = read(values)["dags"]["gitSync"]
    assert made["projects"].folder == Path("/opt/airflow/dags/repo") / git["subPath"]
    assert made["platform"].path == Path("/opt/airflow/dags/repo/platform")
    assert {each["name"] for each in git["env"]} == {"GITSYNC_STALE_WORKTREE_TIMEOUT"}
