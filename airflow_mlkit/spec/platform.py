"""What a platform team declares: platform.yaml as frozen pydantic models."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, StringConstraints, field_validator, model_validator

from airflow_mlkit.spec.declared import Place, problem_at, shorten
from airflow_mlkit.spec.environment import Environment, Images, ImagesByKind, LocalEnvironment
from airflow_mlkit.spec.nearest import did_you_mean
from airflow_mlkit.spec.notify import Channel
from airflow_mlkit.spec.pool import Pool
from airflow_mlkit.spec.size import Size, find_growth_problems
from airflow_mlkit.spec.values import Declared, Name, StepName

_CURRENCY = r"^[A-Z]{3}$"


def _check_currency(given: Any) -> Any:
    if not isinstance(given, str) or not re.fullmatch(_CURRENCY, given):
        raise ValueError(f"{shorten(given)} is no currency; write its three letters, such as EUR")
    return given


Currency = Annotated[str, BeforeValidator(_check_currency), StringConstraints(pattern=_CURRENCY)]
"""Three letters, as ISO 4217 has them."""

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

Resource = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,62}$")]
"""What a request for a training names, such as CPU or GPU_LARGE."""

_NOBODY_IS_TOLD = "there is no environment but laptop, where nobody is told anything unless it is named"


class PlatformSpec(Declared):
    """One platform.yaml; without the file, what a laptop needs."""

    sizes: dict[Name, Size] = Field(
        default_factory=lambda: dict(_SIZES), description="What a project may name as train.size."
    )
    default_size: Name = Field("cpu-small", description="For projects and steps that name none.")
    step_sizes: dict[StepName, Name] = Field(
        default_factory=dict, description="The default size of single steps, for projects that name none."
    )
    compute_resources: dict[Resource, Name] = Field(
        default_factory=dict, description="What a run may name as compute_resource, such as GPU, and the size it means."
    )
    pools: dict[Name, Pool] = Field(default_factory=lambda: dict(_POOLS), description="The node pools of the sizes.")
    currency: Currency | None = Field(None, description="Of every price_per_hour, such as EUR.")
    base_images: ImagesByKind = Field(Images(), description="What the images of projects are built on.")
    environments: dict[Name, Environment] = Field(
        default_factory=lambda: dict(_ENVIRONMENTS), description="Where projects run. There is always one named laptop."
    )
    notify: tuple[Channel, ...] = Field((), description="Who hears of models held back, failures and questions.")

    @field_validator("environments")
    @classmethod
    def _a_laptop_is_always_there(cls, given: dict[str, Any]) -> dict[str, Any]:
        return _ENVIRONMENTS | given

    def for_one(self, environment: str) -> str:
        """What the steps of one environment need of it, as JSON: for their pods, which do not have the file."""
        own = self.model_copy(update={"environments": {environment: self.environments[environment]}, "notify": ()})
        return own.model_dump_json(exclude_defaults=True)

    @model_validator(mode="after")
    def _sizes_lead_somewhere(self) -> Self:
        problems = [*find_growth_problems(self.sizes), *self._find_strange_names()]
        if problems:
            raise problem_at(*problems)
        return self

    def _find_strange_names(self) -> list[tuple[Place, str]]:
        sizes: dict[Place, str] = {("step_sizes", step): name for step, name in self.step_sizes.items()}
        sizes |= {("compute_resources", name): size for name, size in self.compute_resources.items()}
        if "default_size" in self.model_fields_set:
            sizes["default_size",] = self.default_size
        return [*_find_strangers("size", sizes, self.sizes), *self._find_strange_pools()]

    def _find_strange_pools(self) -> Iterator[tuple[Place, str]]:
        pools: dict[Place, str] = {("sizes", name, "pool"): size.pool for name, size in self.sizes.items()}
        if "sizes" in self.model_fields_set:
            yield from _find_strangers("pool", pools, self.pools)
        elif missing := list(dict.fromkeys(pool for pool in pools.values() if pool not in self.pools)):
            names = " and ".join(missing)
            yield ("pools",), f"the default sizes need {names} too; declare sizes of your own as well"

    @model_validator(mode="after")
    def _sizes_fit_on_a_node(self) -> Self:
        problems: list[tuple[Place, str]] = []
        for name, size in self.sizes.items():
            node = self.pools[size.pool].node
            if node and (lacking := node.lacks(size)):
                said = f"asks for {', '.join(lacking)}: no node of the pool {size.pool} can hold it"
                problems.append((("sizes", name), said))
            elif size.gpu and node is None and self._serves_plain_sizes(size.pool):
                node_text = f"node: {{cpu: ..., memory: ..., gpu: {size.gpu}}}"
                said = f"{size.pool} is not known to have GPUs; write {node_text} there, or name a pool that has"
                problems.append((("sizes", name, "pool"), said))
        if problems:
            raise problem_at(*problems)
        return self

    @model_validator(mode="after")
    def _gpu_resources_have_gpus(self) -> Self:
        problems: list[tuple[Place, str]] = [
            (("compute_resources", name), f"{size} has no GPU; name a size that has one")
            for name, size in self.compute_resources.items()
            if "gpu" in re.split(r"[_-]", name.lower()) and not self.sizes[size].gpu
        ]
        if problems:
            raise problem_at(*problems)
        return self

    def _serves_plain_sizes(self, pool: str) -> bool:
        return any(size.pool == pool and not size.gpu for size in self.sizes.values())

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


def _find_strangers(kind: str, named: Mapping[Place, str], known: Collection[str]) -> Iterator[tuple[Place, str]]:
    for place, name in named.items():
        if name not in known:
            yield place, f"there is no {kind} {name!r}{did_you_mean(name, known)}"
