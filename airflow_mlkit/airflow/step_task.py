"""What every task of a step shares, whether a process or a pod carries it out.

Where it meets the other steps, what it is told, and what becomes of the task when it has ended.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException

from airflow_mlkit.airflow.lineage import StepLineage
from airflow_mlkit.airflow.params import changed_parameters
from airflow_mlkit.airflow.run_place import find_run_directory
from airflow_mlkit.airflow.settings import Settings
from airflow_mlkit.exceptions import DataError, MissingExtraError, UserError
from airflow_mlkit.plan import DagPlan
from airflow_mlkit.project import Project
from airflow_mlkit.rundir import HELD_BACK_EXIT_CODE, RunDirectory, StepDirectory, StepRecord
from airflow_mlkit.spec.run_parameters import RunParameters

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context

APPROVE = "approve"
"""The task that asks a person, between gate and promote."""

_LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (INFO|WARNING|ERROR|CRITICAL) (.*)")
"""What `mlkit step` writes, as its log's format has it."""


@dataclass(frozen=True)
class Asking:
    """One asking for a step: where it writes, and which generation all its tries share."""

    run_dir: str
    generation: int
    directory: StepDirectory
    parameters: RunParameters | None

    def tries(self) -> list[StepRecord]:
        """The outcomes of its tries so far."""
        return self.directory.tries(self.generation)


class StepTask(StepLineage):
    """A task that carries out one step of a project's plan."""

    project: Project
    dag_plan: DagPlan
    settings: Settings
    task_id: str
    outlets: list[Any]
    log: Any
    tried = ""
    """What was tried for the step, for the last line of the log of a task that failed."""

    def find_asking(self, context: Context) -> Asking:
        """Where the step will write, opened before it starts: afterwards a failure would have it run again."""
        is_retrain = self.dag_plan is self.project.plan.retrain
        run_dir = find_run_directory(self.project, context["run_id"], is_retrain=is_retrain)
        try:
            directory = RunDirectory(run_dir).step(self.task_id)
        except MissingExtraError as error:
            raise AirflowFailException(f"Airflow cannot open the run directory {run_dir}: {error}") from None
        asking = Asking(run_dir, first_try_number(context), directory, self._find_parameters(context))
        self.log.info("run directory %s, generation %d", run_dir, asking.generation)
        return asking

    def step_options(self, context: Context, asking: Asking) -> dict[str, str]:
        """The options of `mlkit step` that say which run this is, and what it does differently."""
        as_of = find_as_of(context)
        given = {
            "--run-dir": asking.run_dir,
            "--generation": str(asking.generation),
            "--run-id": context["run_id"],
            "--as-of": f"{as_of.astimezone(UTC):%Y-%m-%dT%H:%M:%S}" if as_of else None,
            "--parameters": asking.parameters and asking.parameters.model_dump_json(exclude_defaults=True),
            "--triggered-by": _triggered_by(context),
            "--approval": self._approval(context),
        }
        return {name: value for name, value in given.items() if value}

    def say_line(self, line: str) -> None:
        """A line of the step's output in the task's log, with the level that the step gave it."""
        level, text = _read_log_line(line)
        self.log.log(level, "%s", text)

    def announce(self, context: Context, record: StepRecord | None) -> None:
        """Say in the asset's event which version was promoted, so that who follows knows it."""
        known = record.summary if record else {}
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = {
                key: known[key] for key in ("model_version", "model_id") if known.get(key) is not None
            }

    def _find_parameters(self, context: Context) -> RunParameters | None:
        if self.dag_plan is not self.project.plan.retrain:
            return None
        try:
            return changed_parameters(self.project, context["params"])
        except UserError as error:
            raise AirflowFailException(str(error)) from None

    def _approval(self, context: Context) -> str | None:
        """What a person answered, for promote."""
        if self.task_id != "promote" or self.project.plan.approval is None:
            return None
        answer = context["ti"].xcom_pull(task_ids=APPROVE)
        return json.dumps(answer) if answer else None


class StepWithPages:
    """Of a task with a page for people: one that its step makes, or the one of its pods.

    `runs` says where the project's runs lie. As a template field it stands in the Dag as Airflow's database has it:
    there the API server reads it to find the page.
    """

    project: Project
    template_fields: Collection[str] = ("runs",)

    @property
    def runs(self) -> str:
        """Where the project's runs lie."""
        return self.project.runs

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        """Nothing here is a template: a folder may be called `{{ ds }}`."""


def end_task(exit_code: int, reason: str) -> None:
    """Turn the exit code of a step into the state of its task.

    Raises:
        AirflowSkipException: for a step that was held back.
        AirflowFailException: where no retry helps: a user's mistake, the data.
        AirflowException: for anything else but 0.
    """
    if exit_code == 0:
        return
    if exit_code == HELD_BACK_EXIT_CODE:
        raise AirflowSkipException(reason)
    no_retry_helps = exit_code in (UserError.exit_code, DataError.exit_code)
    raise (AirflowFailException if no_retry_helps else AirflowException)(reason)


def say_reason(context: Context) -> None:
    """Say again why the task failed, so that its log ends with the reason and not with the frames of a traceback."""
    task: Any = context["task"]
    error = context.get("exception")
    if error:
        task.log.error("%s", error)
    if task.tried:
        task.log.info("tried: %s", task.tried)


def first_try_number(context: Context) -> int:
    """The try with which this asking for the task began: retries share it, clearing the task begins the next.

    Airflow raises `max_tries` when a task is cleared, to the tries so far and the task's retries.
    """
    instance: Any = context["ti"]
    return max(1, int(instance.max_tries) - int(instance.task.retries or 0) + 1)


def find_as_of(context: Context) -> datetime | None:
    """The moment of a Dag run: the end of its data interval, its logical date, or when it was to run."""
    dag_run: Any = context["dag_run"]
    moment: datetime | None = dag_run.data_interval_end or dag_run.logical_date or dag_run.run_after
    return moment


def _read_log_line(line: str) -> tuple[int, str]:
    """The level and the message of a line that the step logged; Airflow adds the time. Other output is information."""
    logged = _LOG_LINE.fullmatch(line)
    return (logging.getLevelNamesMapping()[logged[1]], logged[2]) if logged else (logging.INFO, line)


def _triggered_by(context: Context) -> str:
    dag_run: Any = context["dag_run"]
    kind = getattr(dag_run.run_type, "value", dag_run.run_type)
    return str(getattr(dag_run, "triggering_user_name", None) or f"airflow, {kind}")  # 3.1 does not tell who it was
