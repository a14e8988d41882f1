"""What a platform team declares: platform.yaml as frozen pydantic models."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, field_validator, model_validator

from airflow_mlkit.spec.declared import Place, chosen_by_value, problem_at, shorten
from airflow_mlkit.spec.nearest import did_you_mean
from airflow_mlkit.spec.notify import Channel
from airflow_mlkit.spec.values import ConnectionId, Declared, Name, NotNegative, Number, Params, Text, Whole

_MEMORY = r"^[1-9]\d{0,5}(\.\d{1,3})?(k|M|G|T|Ki|Mi|Gi|Ti)$"
_CURRENCY = r"^[A-Z]{3}$"
_MILLICORES = re.compile(r"([1-9]\d*)m")


def _check_memory(given: Any) -> Any:
    if not isinstance(given, str) or not re.fullmatch(_MEMORY, given):
        raise ValueError(f"{shorten(given)} is no amount of memory; write it as Kubernetes does, such as 4Gi or 512Mi")
    return given


def _check_currency(given: Any) -> Any:
    if not isinstance(given, str) or not re.fullmatch(_CURRENCY, given):
        raise ValueError(f"{shorten(given)} is no currency; write its three letters, such as EUR")
    return given


def _read_cpu(given: Any) -> Any:
    match = _MILLICORES.fullmatch(given) if isinstance(given, str) else None
    return int(match[1]) / 1000 if match else given


_UNITS = {suffix: 1000**power for power, suffix in enumerate("kMGT", start=1)} | {
    f"{suffix}i": 1024**power for power, suffix in enumerate("KMGT", start=1)
}
_GIB = 1024**3


def to_gib(memory: str) -> Decimal:
    """An amount of memory as Kubernetes writes it, in GiB.

    >>> to_gib("512Mi")
    Decimal('0.5')
    """
    number = memory.rstrip("kKMGTi")
    gib: Decimal = Decimal(number) * _UNITS[memory.removeprefix(number)] / _GIB
    return gib


Memory = Annotated[str, BeforeValidator(_check_memory), StringConstraints(pattern=_MEMORY)]
"""An amount of memory as Kubernetes writes it, such as `4Gi`."""

Cores = Annotated[Number, BeforeValidator(_read_cpu, json_schema_input_type=float | str)]
"""A number of cores: `0.5`, `2`, or `500m` as Kubernetes writes it."""


Currency = Annotated[str, BeforeValidator(_check_currency), StringConstraints(pattern=_CURRENCY)]
"""Three letters, as ISO 4217 has them."""


class Size(Declared):
    """What a step may use, and where it runs. A step killed for lack of memory runs again on `grows_to`."""

    cpu: Cores = Field(gt=0, le=1024, description="Cores, such as 2 or 500m.")
    memory: Memory = Field(description="As Kubernetes writes it, such as 4Gi.")
    gpu: Whole = Field(0, ge=0, le=64, description="Graphics cards.")
    pool: Name = Field("general", description="The node pool, by its name under pools.")
    grows_to: Name | None = Field(None, description="The size on which a step runs again that lacked memory.")


class Node(Declared):
    """What one node of a pool offers to the steps on it."""

    cpu: Cores = Field(gt=0, le=1024, description="Cores, such as 16.")
    memory: Memory = Field(description="As Kubernetes writes it, such as 64Gi.")
    gpu: Whole = Field(0, ge=0, le=64, description="Graphics cards.")

    def lacks(self, size: Size) -> list[str]:
        """What a size asks for that no node of this kind has, such as `8 cores (it has 4)`."""
        wanting = {
            f"{size.cpu:g} cores (it has {self.cpu:g})": size.cpu > self.cpu,
            f"{size.memory} of memory (it has {self.memory})": to_gib(size.memory) > to_gib(self.memory),
            f"{size.gpu} GPUs (it has {self.gpu})": size.gpu > self.gpu,
        }
        return [text for text, applies in wanting.items() if applies]


class Pool(Declared):
    """A node pool: how Kubernetes finds its nodes, what one of them offers, and what an hour of it costs."""

    node_selector: dict[str, str] = Field(default_factory=dict, description="Labels that a node must have.")
    tolerations: tuple[Params, ...] = Field((), description="Taints that its pods bear, as Kubernetes writes them.")
    price_per_hour: NotNegative | None = Field(None, description="Of one node; for the cost of a model.")
    node: Node | None = Field(
        None, description="What one node offers. A step is charged its share; a whole node when not given."
    )


class _Environment(Declared):
    runs: Text = Field(description="Where run directories lie: a folder, gs:// or s3://.")
    mlflow: Text = Field(description="MLflow's tracking and registry URI.")
    champions: Text | None = Field(
        None, description="Where champion logs lie; a folder beside the runs when not given."
    )


class LocalEnvironment(_Environment):
    """Steps are processes on this machine."""

    backend: Literal["local"] = Field(description="Steps are processes on this machine.")


class KubernetesEnvironment(_Environment):
    """Steps are pods of a Kubernetes cluster."""

    backend: Literal["kubernetes"] = Field(description="Steps are pods of a Kubernetes cluster.")
    namespace: Name = Field(description="Where the pods start.")
    connection: ConnectionId = Field("kubernetes_default", description="Airflow's connection to the cluster.")
    image: Text | None = Field(None, description="The image of the steps, where the project has none of its own.")


class GkeEnvironment(_Environment):
    """Steps are pods of a Google Kubernetes Engine cluster."""

    backend: Literal["gke"] = Field(description="Steps are pods of a Google Kubernetes Engine cluster.")
    namespace: Name = Field(description="Where the pods start.")
    project: Text | None = Field(None, description="The Google Cloud project of the cluster.")
    location: Text | None = Field(None, description="The cluster's region or zone, such as europe-west1.")
    cluster: Text | None = Field(None, description="The cluster's name.")
    image: Text | None = Field(None, description="The image of the steps, where the project has none of its own.")


Environment = Annotated[
    LocalEnvironment | KubernetesEnvironment | GkeEnvironment,
    chosen_by_value("backend", local=LocalEnvironment, kubernetes=KubernetesEnvironment, gke=GkeEnvironment),
]

_SIZES = {
    "cpu-small": Size(cpu=2, memory="4Gi", grows_to="cpu-large"),
    "cpu-large": Size(cpu=8, memory="32Gi", grows_to="high-memory"),
    "high-memory": Size(cpu=8, memory="128Gi", pool="high-memory"),
    "gpu": Size(cpu=8, memory="60Gi", gpu=1, pool="gpu"),
}
_POOLS = {"general": Pool(), "high-memory": Pool(), "gpu": Pool()}
_ENVIRONMENTS: dict[str, Environment] = {
    "laptop": LocalEnvironment(backend="local", runs="./.mlkit/runs", mlflow="sqlite:///.mlkit/mlflow.db")
}

_NOBODY_IS_TOLD = "there is no environment but laptop, where nobody is told anything unless it is named"


class PlatformSpec(Declared):
    """One platform.yaml; without the file, what a laptop needs."""

    sizes: dict[Name, Size] = Field(
        default_factory=lambda: dict(_SIZES), description="What a project may name as train.size."
    )
    pools: dict[Name, Pool] = Field(default_factory=lambda: dict(_POOLS), description="The node pools of the sizes.")
    currency: Currency | None = Field(None, description="Of every price_per_hour, such as EUR.")
    environments: dict[Name, Environment] = Field(
        default_factory=lambda: dict(_ENVIRONMENTS), description="Where projects run. There is always one named laptop."
    )
    notify: tuple[Channel, ...] = Field((), description="Who hears of models held back, failures and questions.")

    @field_validator("environments")
    @classmethod
    def _a_laptop_is_always_there(cls, given: dict[str, Any]) -> dict[str, Any]:
        return _ENVIRONMENTS | given

    @model_validator(mode="after")
    def _sizes_lead_somewhere(self) -> Self:
        problems: list[tuple[Place, str]] = []
        for name, size in self.sizes.items():
            if size.pool not in self.pools:
                said = f"there is no pool {size.pool!r}{did_you_mean(size.pool, self.pools)}"
                problems.append((("sizes", name, "pool"), said))
            if size.grows_to and size.grows_to not in self.sizes:
                said = f"there is no size {size.grows_to!r}{did_you_mean(size.grows_to, self.sizes)}"
                problems.append((("sizes", name, "grows_to"), said))
        if problems:
            raise problem_at(*problems)
        return self

    @model_validator(mode="after")
    def _sizes_fit_on_a_node(self) -> Self:
        problems: list[tuple[Place, str]] = []
        for name, size in self.sizes.items():
            node = self.pools[size.pool].node if size.pool in self.pools else None
            if node and (lacking := node.lacks(size)):
                said = f"asks for {', '.join(lacking)}: no node of the pool {size.pool} can hold it"
                problems.append((("sizes", name), said))
        if problems:
            raise problem_at(*problems)
        return self

    @model_validator(mode="after")
    def _channels_speak_somewhere(self) -> Self:
        problems: list[tuple[Place, str]] = []
        for number, channel in enumerate(self.notify):
            unknown = [name for name in channel.environments or () if name not in self.environments]
            said = [f"there is no environment {name!r}{did_you_mean(name, self.environments)}" for name in unknown]
            if not unknown and not any(channel.speaks_in(name) for name in self.environments):
                said = [f"{_NOBODY_IS_TOLD}; write environments: [laptop]"]
            problems += [(("notify", number, "environments"), each) for each in said]
        if problems:
            raise problem_at(*problems)
        return self

    @model_validator(mode="after")
    def _sizes_do_not_grow_in_circles(self) -> Self:
        for name in self.sizes:
            seen = [name]
            while (bigger := self.sizes[seen[-1]].grows_to) is not None:
                if bigger in seen:
                    said = f"{' -> '.join([*seen, bigger])} grows in a circle; the largest one has no grows_to"
                    raise problem_at((("sizes", seen[-1], "grows_to"), said))
                seen.append(bigger)
        return self
