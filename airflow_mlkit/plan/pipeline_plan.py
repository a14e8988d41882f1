"""The plan: plain data that the Airflow factory and the local runner carry out."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from airflow_mlkit.spec.notify import Event
from airflow_mlkit.spec.pipeline import Schedule
from airflow_mlkit.spec.pool import Pool
from airflow_mlkit.spec.size import Size
from airflow_mlkit.spec.values import Duration, StepName


class Planned(BaseModel):
    """Base of the parts of a plan."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PlannedSize(Planned):
    """A size with its name and its node pool looked up."""

    name: str
    resources: Size
    pool: Pool


class PlannedApproval(Planned):
    """A person is asked between gate and promote: by their names in Airflow, for so long."""

    ask: tuple[str, ...]
    within: Duration


class PlannedChannel(Planned):
    """A channel that speaks in the plan's environment: how, through which of Airflow's connections, of what, to whom.

    `key` is where it stands in platform.yaml.
    """

    key: str
    via: Literal["smtp", "slack", "apprise"]
    connection: str
    events: tuple[Event, ...]
    to: tuple[str, ...]


class PlannedStep(Planned):
    """One step: what is run, after what, where, and which parts of the spec it reads.

    `grows_to` are the sizes on which it runs again that lacked memory, in this order. `sections` are the dotted keys of
    mlkit.yaml that its result depends on, `code` whether it runs the project's Python: together with the steps it reads
    from they say whether an earlier result still fits. `outlet` is the asset that Airflow updates when it is done;
    `may_hold_back` that it can end as skipped, with a reason.
    """

    name: StepName
    command: tuple[str, ...]
    after: tuple[StepName, ...]
    reads: tuple[StepName, ...]
    sections: tuple[str, ...]
    code: bool = False
    size: PlannedSize
    grows_to: tuple[PlannedSize, ...] = ()
    outlet: str | None = None
    may_hold_back: bool = False


class DagPlan(Planned):
    """One Dag: its steps in an order in which they can run, and when it starts."""

    dag_id: str
    description: str
    schedule: Schedule | None
    steps: tuple[PlannedStep, ...]

    def step(self, name: str) -> PlannedStep:
        """The step of that name.

        Raises:
            KeyError: when this Dag has none.
        """
        try:
            return next(step for step in self.steps if step.name == name)
        except StopIteration:
            raise KeyError(name) from None


class PipelinePlan(Planned):
    """Everything that is done for one project in one environment."""

    name: str
    owner: str
    pattern: Literal["batch", "live"]
    environment: str
    backend: Literal["local", "kubernetes", "gke"]
    approval: PlannedApproval | None
    runs: str
    champions: str
    mlflow: str
    retrain: DagPlan
    predict: DagPlan | None
    channels: tuple[PlannedChannel, ...] = ()
    notices: tuple[str, ...] = ()
