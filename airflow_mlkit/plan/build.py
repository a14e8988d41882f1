"""The arrow from what a team declares to what is done. Pure: no file, no clock, no network."""

from __future__ import annotations

from airflow_mlkit.exceptions import SpecError
from airflow_mlkit.plan.notices import find_notices
from airflow_mlkit.plan.pipeline_plan import DagPlan, PipelinePlan, PlannedSize, PlannedStep
from airflow_mlkit.spec.nearest import did_you_mean
from airflow_mlkit.spec.pipeline import PipelineSpec
from airflow_mlkit.spec.platform import Environment, PlatformSpec
from airflow_mlkit.spec.values import StepName

MODEL_ASSET = "x-mlkit://models/{name}"
"""The asset that another Dag can follow: updated whenever a version of the model is promoted."""


def build_plan(spec: PipelineSpec, platform: PlatformSpec, environment: str = "laptop") -> PipelinePlan:
    """Plan a project for one environment of a platform.

    Raises:
        SpecError: when the spec names an environment or a size that the platform does not have.
    """
    place = find_environment(platform, environment)
    sizes = {name: _size_of(spec, platform, name) for name in _ALL_STEPS}
    return PipelinePlan(
        name=spec.name,
        owner=spec.owner,
        pattern=spec.pattern,
        environment=environment,
        backend=place.backend,
        approval=spec.promote.approval,
        runs=place.runs,
        champions=place.champions or _beside(place.runs),
        mlflow=place.mlflow,
        retrain=_plan_retrain(spec, sizes),
        predict=_plan_predict(spec, sizes),
        notices=find_notices(spec, place),
    )


def find_environment(platform: PlatformSpec, name: str) -> Environment:
    """The environment of that name.

    Raises:
        SpecError: when the platform has none.
    """
    if name not in platform.environments:
        raise SpecError([f"there is no environment {name!r} in platform.yaml{did_you_mean(name, platform.environments)}"])
    return platform.environments[name]


_ALL_STEPS: tuple[StepName, ...] = ("extract", "validate", "split", "train", "evaluate", "gate", "promote", "predict")


def _plan_retrain(spec: PipelineSpec, sizes: dict[StepName, PlannedSize]) -> DagPlan:
    def step(name: StepName, after: tuple[StepName, ...], reads: tuple[StepName, ...], *sections: str) -> PlannedStep:
        return PlannedStep(
            name=name,
            command=("mlkit", "step", name),
            after=after,
            reads=reads,
            sections=sections,
            code=name in ("split", "train"),
            size=sizes[name],
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
            step("split", ("extract",), ("extract",), "data", "problem", "train.workflow", "evaluate"),
            step("train", ("validate", "split"), ("split",), "train", "problem"),
            step("evaluate", ("train",), ("split", "train"), "evaluate", "problem"),
            step("gate", ("evaluate",), ("split", "train", "evaluate"), "gates", "problem"),
            step("promote", ("gate",), ("split", "train", "evaluate", "gate"), "promote"),
        ),
    )


def _plan_predict(spec: PipelineSpec, sizes: dict[StepName, PlannedSize]) -> DagPlan | None:
    if spec.predict is None:
        return None
    step = PlannedStep(
        name="predict",
        command=("mlkit", "step", "predict"),
        after=(),
        reads=(),
        sections=("predict", "data"),
        code=True,
        size=sizes["predict"],
        may_hold_back=True,
    )
    return DagPlan(
        dag_id=f"{spec.name}-predict",
        description=f"Scores with the champion of {spec.name}",
        schedule=spec.predict.schedule,
        steps=(step,),
    )


def _size_of(spec: PipelineSpec, platform: PlatformSpec, step: StepName) -> PlannedSize:
    given = spec.train.sizes.get(step)
    name = given or spec.train.size
    if name not in platform.sizes:
        key = f"train.sizes.{step}" if given else "train.size"
        raise SpecError([f"mlkit.yaml {key}: the platform has no size {name!r}{did_you_mean(name, platform.sizes)}"])
    size = platform.sizes[name]
    return PlannedSize(name=name, resources=size, pool=platform.pools[size.pool])


def _beside(runs: str) -> str:
    parent, _, _ = runs.rstrip("/").rpartition("/")
    return f"{parent or '.'}/champions"
