"""platform.yaml, read: what is refused, and in which words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_mlkit.exceptions import SpecError
from airflow_mlkit.spec import load_platform

PLATFORM = """\
sizes:
  small: {cpu: 500m, memory: 4Gi, pool: general, grows_to: large}
  large: {cpu: 8, memory: 32Gi}
pools:
  general: {price_per_hour: 0.39, tolerations: [{key: ml, operator: Exists}]}
environments:
  prod: {backend: gke, namespace: ml-prod, project: p, location: l, cluster: c, runs: gs://ml, mlflow: https://m.example.com}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "platform.yaml"
    path.write_text(text)
    return path


def test_a_platform_is_read_and_always_has_a_laptop(tmp_path: Path) -> None:
    platform = load_platform(write(tmp_path, PLATFORM))
    assert platform.sizes["small"].cpu == 0.5
    assert list(platform.environments) == ["laptop", "prod"]
    assert platform.environments["laptop"].backend == "local"


@pytest.mark.parametrize(
    ("old", "new", "answer"),
    [
        ("grows_to: large", "grows_to: larg", "2 sizes.small.grows_to: there is no size 'larg'; did you mean large?"),
        ("pool: general", "pool: genral", "2 sizes.small.pool: there is no pool 'genral'; did you mean general?"),
        ("32Gi}", "32Gi, grows_to: small}", "3 sizes.large.grows_to: small -> large -> small grows in a circle"),
        ("32Gi}", "2Gi}", "2 sizes.small.grows_to: large has 2Gi of memory, and this one has 4Gi; name one with more"),
        ("8, mem", "8, gpu: 1, mem", "3 sizes.large.pool: general is not known to have GPUs; write node: "),
        ("pools:", "default_size: smal\npools:", "4 default_size: there is no size 'smal'; did you mean small?"),
        ("pools:", "step_sizes: {train: big}\npools:", "4 step_sizes.train: there is no size 'big'"),
        ("pools:", "compute_resources: {CPU: smal}\npools:", "4 compute_resources.CPU: there is no size 'smal'; did"),
        ("pools:", "compute_resources: {GPU_L: large}\npools:", "4 compute_resources.GPU_L: large has no GPU; name a"),
        ("pools:", "compute_resources: {'G P': large}\npools:", "4 compute_resources.G P: "),
        ("pools:", "step_sizes: {trian: big}\npools:", "4 step_sizes.trian: "),
        (
            "namespace: ml-prod",
            "namespace: ml, service_account: A b",
            "7 environments.prod.service_account: 'A b' is no ",
        ),
        (
            "namespace: ml-prod",
            "namespace: ml, volume: {claim: runs, path: /tmp}",
            "7 environments.prod.volume.path: '/tmp'",
        ),
        ("4Gi", "4", "2 sizes.small.memory: 4 is no amount of memory; write it as Kubernetes does, such as 4Gi"),
        ("500m", "0", "2 sizes.small.cpu: 0 is too small; write a number above 0"),
        (
            "general: {price_per_hour: 0.39,",
            "general: {node: {cpu: 4, memory: 64Gi},",
            "3 sizes.large: asks for 8 cores (it has 4): no node of the pool general can hold it",
        ),
        (
            "32Gi}\npools:\n  general: {",
            "32Gi, ephemeral_storage: 9Gi}\npools:\n  general: {node: {cpu: 8, memory: 64Gi, ephemeral_storage: 1Gi}, ",
            "3 sizes.large: asks for 9Gi of disk (it has 1Gi): no node of the pool general can hold it",
        ),
        ("pools:", "currency: euro\npools:", "4 currency: 'euro' is no currency; write its three letters, such as EUR"),
        ("price_per_hour: 0.39", "price_per_hour: -1", "5 pools.general.price_per_hour: -1 is too small"),
        ("key: ml", "keyy: ml", "5 pools.general.tolerations[0].keyy: unknown key; did you mean key?"),
        (
            "operator: Exists",
            "operator: exists",
            "5 pools.general.tolerations[0].operator: 'exists' is not known",
        ),
        ("key: ml", "value: true", "5 pools.general.tolerations[0].value: True is no text; write it in quotes"),
        (
            "{price_per_hour",
            "{affinity: {nodeAfinity: {}}, price_per_hour",
            "5 pools.general.affinity.nodeAfinity",
        ),
        ("memory: 4Gi", "memory: 4Gi, time_limit: 0s", "2 sizes.small.time_limit: 0s is no time; write a longer one"),
        ("namespace: ml-prod", "namespace: ml, labels: {cost: 42}", "7 environments.prod.labels.cost: 42 is no text;"),
        ("namespace: ml-prod", "namespace: ml, labels: {cost: a b}", "7 environments.prod.labels.cost: 'a b' is no va"),
        ("namespace: ml-prod", "namespace: ml, labels: {a b: c}", "7 environments.prod.labels.a b: is no key of a la"),
        ("namespace: ml-prod", "namespace: ml, labels: {mlkit.dev/team: c}", "7 environments.prod.labels.mlkit.dev/te"),
        ("namespace: ml-prod", "namespace: ml, env: {A-B: c}", "7 environments.prod.env.A-B: is no name of a variable"),
        ("namespace: ml-prod", "namespace: ml, env: {HOME: /x}", "7 environments.prod.env.HOME: is set by the kit"),
        ("namespace: ml-prod", "namespace: ml, env: {DB_PASSWORD: x}", "7 environments.prod.env.DB_PASSWORD: looks li"),
        ("namespace: ml-prod", "namespace: ml, env: {P: http://a:b@c}", "7 environments.prod.env.P: looks like a secr"),
        (
            "namespace: ml-prod",
            "namespace: ml, files_from_secrets: {key: /tmp}",
            "7 environments.prod.files_from_secrets.key: '/tmp' cannot be mounted on",
        ),
        (
            "namespace: ml-prod",
            "namespace: ml, files_from_secrets: {key: /a, other: /a/b}",
            "7 environments.prod.files_from_secrets: /a/b is mounted twice, or inside of another one",
        ),
        ("namespace: ml-prod", "namespace: ml, node_wait: 0m", "7 environments.prod.node_wait: 0s is no time; write a"),
        ("runs: gs://ml,", "runs: runs,", "7 environments.prod.runs: 'runs' would be on a pod's own disk; write gs://"),
        ("https://m.example.com", "sqlite:///m.db", "7 environments.prod.mlflow: 'sqlite:///m.db' would be on a pod"),
        ("backend: gke", "backend: gcp", "7 environments.prod.backend: 'gcp' is not known; "),
        ("runs: gs", "run: gs", "7 environments.prod.run: unknown key; did you mean runs?"),
        (
            ", mlflow: https://m.example.com",
            "",
            "7 environments.prod.mlflow: is missing; write it: MLflow's tracking and ",
        ),
    ],
)
def test_a_mistake_in_the_platform_is_told_at_its_place(tmp_path: Path, old: str, new: str, answer: str) -> None:
    path = write(tmp_path, PLATFORM.replace(old, new, 1))
    with pytest.raises(SpecError) as caught:
        load_platform(path)
    assert any(each.startswith(f"{path}:{answer}") for each in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    ("place", "named"),
    [
        ("runs: s3://key:hidden@bucket/runs", "keys of the bucket"),
        ("champions: s3://key:hidden@bucket/champions", "keys of the bucket"),
        ("mlflow: https://ana:hidden@m.example.com", "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"),
    ],
)
def test_a_password_that_every_pod_would_show_is_refused_and_not_repeated(
    tmp_path: Path, place: str, named: str
) -> None:
    prod = {"backend": "kubernetes", "namespace": "ml", "runs": "gs://ml", "mlflow": "https://m.example.com"}
    key, _, value = place.partition(": ")
    path = write(tmp_path, f"environments: {{prod: {json.dumps(prod | {key: value})}}}")
    with pytest.raises(SpecError) as caught:
        load_platform(path)
    (problem,) = caught.value.problems
    assert problem.startswith(f"{path}:1 environments.prod.{key}: has a user name or a password in it")
    assert f"{named} in env_from_secrets" in problem
    assert "hidden" not in str(caught.value)


def test_pools_without_the_default_sizes_ask_for_sizes_and_not_for_what_nobody_wrote(tmp_path: Path) -> None:
    path = write(tmp_path, "pools:\n  general: {}\n")
    with pytest.raises(SpecError) as caught:
        load_platform(path)
    assert caught.value.problems == [
        f"{path}:1 pools: the default sizes need high-memory and gpu too; declare sizes of your own as well"
    ]
