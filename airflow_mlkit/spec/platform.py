"""What a platform team declares: platform.yaml as frozen pydantic models."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, model_validator

from airflow_mlkit.spec.nearest import did_you_mean
from airflow_mlkit.spec.values import Declared, Name, Text

Quantity = Annotated[str, Field(pattern=r"^\d+(\.\d+)?(m|Ki|Mi|Gi|Ti)?$")]
"""An amount as Kubernetes writes it, such as `500m` or `4Gi`."""


class Size(Declared):
    """What a step may use, and where it runs. A step killed for lack of memory runs again on `grows_to`."""

    cpu: float = Field(gt=0, description="Cores.")
    memory: Quantity
    gpu: int = Field(0, ge=0)
    pool: Name = "general"
    grows_to: Name | None = None


class Pool(Declared):
    """A node pool: how Kubernetes finds its nodes, and what an hour costs."""

    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[dict[str, Any], ...] = ()
    price_per_hour: float | None = Field(None, ge=0)


class _Environment(Declared):
    runs: Text = Field(description="Where run directories lie: a folder, gs:// or s3://.")
    mlflow: Text = Field(description="MLflow's tracking and registry URI.")
    champions: Text | None = Field(None, description="The champion logs; a folder beside the runs when not given.")


class LocalEnvironment(_Environment):
    """Steps are processes on this machine."""

    backend: Literal["local"]


class KubernetesEnvironment(_Environment):
    """Steps are pods of a Kubernetes cluster."""

    backend: Literal["kubernetes"]
    namespace: Name
    connection: Name = "kubernetes-default"
    image: Text | None = None


class GkeEnvironment(_Environment):
    """Steps are pods of a Google Kubernetes Engine cluster."""

    backend: Literal["gke"]
    namespace: Name
    project: Text | None = None
    location: Text | None = None
    cluster: Text | None = None
    image: Text | None = None


Environment = Annotated[LocalEnvironment | KubernetesEnvironment | GkeEnvironment, Discriminator("backend")]

_SIZES = {
    "cpu-small": Size(cpu=2, memory="4Gi", grows_to="cpu-large"),
    "cpu-large": Size(cpu=8, memory="32Gi", grows_to="high-memory"),
    "high-memory": Size(cpu=8, memory="128Gi", pool="high-memory"),
    "gpu": Size(cpu=8, memory="60Gi", gpu=1, pool="gpu"),
}
_POOLS = {"general": Pool(), "high-memory": Pool(), "gpu": Pool()}
_LAPTOP = LocalEnvironment(backend="local", runs="./.mlkit/runs", mlflow="sqlite:///.mlkit/mlflow.db")


class PlatformSpec(Declared):
    """One platform.yaml; without the file, what a laptop needs."""

    sizes: dict[Name, Size] = Field(default_factory=lambda: dict(_SIZES))
    pools: dict[Name, Pool] = Field(default_factory=lambda: dict(_POOLS))
    environments: dict[Name, Environment] = Field(default_factory=lambda: {"laptop": _LAPTOP})

    @model_validator(mode="after")
    def _sizes_lead_somewhere(self) -> Self:
        for name, size in self.sizes.items():
            if size.pool not in self.pools:
                raise ValueError(f"sizes.{name}.pool: no pool {size.pool!r}{did_you_mean(size.pool, self.pools)}")
            if size.grows_to and size.grows_to not in self.sizes:
                raise ValueError(f"sizes.{name}.grows_to: no size {size.grows_to!r}{did_you_mean(size.grows_to, self.sizes)}")
        return self

    @model_validator(mode="after")
    def _sizes_do_not_grow_in_circles(self) -> Self:
        for name in self.sizes:
            seen = [name]
            while (bigger := self.sizes[seen[-1]].grows_to) is not None:
                if bigger in seen:
                    raise ValueError(f"sizes: {' -> '.join([*seen, bigger])} grows in a circle; the largest one has no grows_to")
                seen.append(bigger)
        return self
