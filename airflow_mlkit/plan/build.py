"""The arrow from what a team declares to what is done. Pure: no file, no clock, no network."""

from __future__ import annotations

from typing import get_args

from airflow_mlkit.exceptions import SpecError
from airflow_mlkit.plan.approval import plan_approval
from airflow_mlkit.plan.channels import plan_channels
from airflow_mlkit.plan.notices import find_notices
from airflow_mlkit.plan.pipeline_plan import DagPlan, PipelinePlan, PlannedSize, PlannedStep
from airflow_mlkit.spec.environment import Environment
from airflow_mlkit.spec.nearest import did_you_mean
from airflow_mlkit.spec.pipeline import PipelineSpec
from airflow_mlkit.spec.platform import PlatformSpec
from airflow_mlkit.spec.size import list_growth
from airflow_mlkit.spec.values import StepName

Sizes = tuple[PlannedSize, ...]
"""A size, and those on which a step runs again that lacked memory."""

MODEL_ASSET = "x-mlkit://models/{name}"
"""The asset that another Dag can follow: updated whenever a version of the model is promoted."""


def build_plan(spec: PipelineSpec, platform: PlatformSpec, environment: str = "laptop") -> PipelinePlan:
    """Plan a project for one environment of a platform.

    Raises:
        SpecError: when the spec names an environment or a size that the platform does not have, or waits for a person
            beyond the next retrain.
    """
    place = find_environment(platform, environment)
    sizes = _plan_sizes(spec, platform)
    return PipelinePlan(
        name=spec.name,
        owner=spec.owner,
        pattern=spec.pattern,
        environment=environment,
        backend=place.backend,
        approval=plan_approval(spec),
        runs=place.runs,
        champions=place.champions or _beside(place.runs),
        mlflow=place.mlflow,
        retrain=_plan_retrain(spec, sizes),
        predict=_plan_predict(spec, sizes),
        channels=plan_channels(platform, environment, spec.owner),
        notices=find_notices(spec, place),
    )


def find_environment(platform: PlatformSpec, name: str) -> Environment:
    """The environment of that name.

    Raises:
        SpecError: when the platform has none.
    """
    if name not in platform.environments:
        raise SpecError(
            [f"there is no environment {name!r} in platform.yaml{did_you_mean(name, platform.environments)}"]
        )
    return platform.environments[name]


_LEARNED_FROM = ("train.workflow", "train.params", "train.seed", "train.threads", "train.trusted_types")
"""What of `train` changes the model: not when and where it is trained."""


def _plan_retrain(spec: PipelineSpec, sizes: dict[StepName, Sizes]) -> DagPlan:
    def step(name: StepName, after: tuple[StepName, ...], reads: tuple[StepName, ...], *sections: str) -> PlannedStep:
        return PlannedStep(
            name=name,
            command=("mlkit", "step", name),
            after=after,
            reads=reads,
            sections=sections,
            code=name in ("split", "train"),
            size=sizes[name][0],
            grows_to=sizes[name][1:],
            outlet=MODEL_ASSET.format(name=spec.name) if name == "promote" else None,
            may_hold_back=name == "promote",
        )

    return DagPlan(
        dag_id=f"{spec.name}-retrain",
        description=spec.description,
        schedule=spec.train.schedule,
        steps=(
            step("extract", (), (), "data", "evaluate", "predict.output.key"),
            step("validate", ("extract",), ("extract",), "validate"),
            # side by side with validate: it reads the snapshot only, and training waits for both
            step("split", ("extract",), ("extract",), "data", "problem", "train.workflow", "train.params", "evaluate"),
            step("train", ("validate", "split"), ("split",), *_LEARNED_FROM, "train.min_examples", "problem"),
            step("evaluate", ("train",), ("split", "train"), "evaluate", "problem"),
            step("gate", ("evaluate",), ("split", "train", "evaluate"), "gates", "sanity", "problem", "evaluate"),
            step("promote", ("gate",), ("split", "train", "evaluate", "gate"), "promote"),
        ),
    )


def _plan_predict(spec: PipelineSpec, sizes: dict[StepName, Sizes]) -> DagPlan | None:
    if spec.predict is None:
        return None
    step = PlannedStep(
        name="predict",
        command=("mlkit", "step", "predict"),
        after=(),
        reads=(),
        sections=("predict", "data"),
        code=True,
        size=sizes["predict"][0],
        grows_to=sizes["predict"][1:],
        may_hold_back=True,
    )
    return DagPlan(
        dag_id=f"{spec.name}-predict",
        description=f"Scores with the champion of {spec.name}",
        schedule=spec.predict.schedule,
        steps=(step,),
    )


def _plan_sizes(spec: PipelineSpec, platform: PlatformSpec) -> dict[StepName, Sizes]:
    train = spec.train
    named = {f"mlkit.yaml train.sizes.{step}": size for step, size in train.sizes.items()}
    if train.size:
        named["mlkit.yaml train.size"] = train.size
    elif not {*get_args(StepName)} <= {*train.sizes, *platform.step_sizes}:
        named["platform.yaml default_size"] = platform.default_size
    problems = [
        f"{key}: the platform has no size {name!r}{did_you_mean(name, platform.sizes)}"
        for key, name in named.items()
        if name not in platform.sizes
    ]
    if problems:
        raise SpecError(problems)
    return {step: plan_sizes(platform, _name_size(spec, platform, step)) for step in get_args(StepName)}


def _name_size(spec: PipelineSpec, platform: PlatformSpec, step: StepName) -> str:
    """Whoever speaks of the step goes before who speaks of all of them, and the project before the platform."""
    train = spec.train
    return train.sizes.get(step) or train.size or platform.step_sizes.get(step) or platform.default_size


def plan_sizes(platform: PlatformSpec, name: str) -> Sizes:
    """A size of a platform and those that it grows to, each with its pool.

    Raises:
        KeyError: when the platform has no such size.
    """
    return tuple(
        PlannedSize(name=each, resources=platform.sizes[each], pool=platform.pools[platform.sizes[each].pool])
        for each in list_growth(platform.sizes, name)
    )


def _beside(runs: str) -> str:
    scheme, separator, path = runs.rstrip("/").rpartition("://")
    parent, slash, _ = path.rpartition("/")
    if separator and not slash:  # a whole bucket for the runs: inside it, under a name that no project can have
        return f"{runs.rstrip('/')}/_champions"
    return f"{scheme}{separator}{parent or ('' if slash else '.')}/champions"
