"""The operator that runs a step of a plan as a process on the worker's machine, with the project's own Python."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSkipException,
)
from airflow.sdk import BaseOperator, Connection

from airflow_mlkit.airflow.lineage import StepLineage
from airflow_mlkit.airflow.params import changed_parameters
from airflow_mlkit.airflow.process_group import ProcessGroup
from airflow_mlkit.airflow.run_place import find_run_directory
from airflow_mlkit.airflow.settings import Settings
from airflow_mlkit.exceptions import DataError, MissingExtraError, UserError
from airflow_mlkit.plan import DagPlan
from airflow_mlkit.project import Project
from airflow_mlkit.rundir import HELD_BACK_EXIT_CODE, RunDirectory, StepDirectory, StepRecord
from airflow_mlkit.spec.data import SqlSource

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context

APPROVE = "approve"
"""The task that asks a person, between gate and promote."""

KILL_GRACE_SECONDS = 4.0
"""Airflow's supervisor kills a task's process five seconds after it asked it to end."""

_LOG_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} (INFO|WARNING|ERROR|CRITICAL) (.*)")
"""What `mlkit step` writes, as its log's format has it."""


class StepOperator(StepLineage, BaseOperator):
    """Runs `mlkit step` for one step of a project's plan, in a process of its own.

    The step writes its result into the run directory; nothing goes through XCom. Its output is the task's log. An exit
    with 20 (held back) skips the task; 2 (a user's mistake) and 3 (the data) fail it without a retry; anything else
    fails it and is tried again.

    :param project: the project whose step it is; its folder, Python, runs and connections are used
    :param dag_plan: the part of the project's plan that has a step named like the task
    :param settings: the `[mlkit]` options of this installation
    """

    ui_color = "#e6f1f4"

    def __init__(self, *, project: Project, dag_plan: DagPlan, settings: Settings, **kwargs: Any) -> None:
        super().__init__(**{"on_failure_callback": say_reason, "on_retry_callback": say_reason, **kwargs})
        self.project = project
        self.dag_plan = dag_plan
        self.settings = settings
        self._process: ProcessGroup | None = None

    def execute(self, context: Context) -> None:
        """Run the step and turn its exit code into the state of the task."""
        is_retrain = self.dag_plan is self.project.plan.retrain
        run_dir = find_run_directory(self.project, context["run_id"], is_retrain=is_retrain)
        generation = first_try_number(context)
        directory = _open_step(run_dir, self.task_id)
        tries_before = len(directory.tries(generation))
        command = self._command(context, run_dir, generation)
        self.log.info("run directory %s, generation %d", run_dir, generation)
        process = self._process = ProcessGroup(command, cwd=self.project.folder, env=self._environment())
        for line in process.lines():
            level, text = _read_log_line(line)
            self.log.log(level, "%s", text)
        exit_code = process.wait()
        tries = directory.tries(generation)
        record = tries[-1] if len(tries) > tries_before else None  # killed before it could write one
        _end(self.task_id, process, exit_code, record)
        self._announce(context, record)

    def on_kill(self) -> None:
        """End the step and everything it has started."""
        if self._process is not None:
            self._process.stop(KILL_GRACE_SECONDS)

    def _command(self, context: Context, run_dir: str, generation: int) -> list[str]:
        as_of = find_as_of(context)
        given = {
            **self.project.step_options,
            "--run-dir": run_dir,
            "--generation": str(generation),
            "--run-id": context["run_id"],
            "--as-of": f"{as_of.astimezone(UTC):%Y-%m-%dT%H:%M:%S}" if as_of else None,
            "--parameters": self._parameters(context),
            "--triggered-by": _triggered_by(context),
            "--approval": self._approval(context),
        }
        options = [f"{name}={value}" for name, value in given.items() if value]
        return [self._python(), "-m", "airflow_mlkit", "step", self.task_id, *options]

    def _python(self) -> str:
        """The project's own Python; the one of the settings only for a project that has none."""
        if self.project.python != sys.executable:
            return self.project.python
        return self.settings.python or sys.executable

    def _parameters(self, context: Context) -> str | None:
        if self.dag_plan is not self.project.plan.retrain:
            return None
        try:
            parameters = changed_parameters(self.project, context["params"])
        except UserError as error:
            raise AirflowFailException(str(error)) from None
        return parameters.model_dump_json(exclude_defaults=True)

    def _approval(self, context: Context) -> str | None:
        """What a person answered, for promote."""
        if self.task_id != "promote" or self.project.plan.approval is None:
            return None
        answer = context["ti"].xcom_pull(task_ids=APPROVE)
        return json.dumps(answer) if answer else None

    def _environment(self) -> dict[str, str]:
        """What the step sees: none of Airflow's own variables, which hold its secrets, but the step's connection."""
        environment = {name: value for name, value in os.environ.items() if "AIRFLOW" not in name.upper()}
        connections = {_connection_variable(name): _connection_uri(name) for name in self._connections()}
        if connections:
            self.log.info("passed to the step: %s", ", ".join(connections))
        return {**environment, **connections, "PYTHONUNBUFFERED": "1"}

    def _connections(self) -> list[str]:
        spec = self.project.spec
        sources = {"extract": spec.data.source, "predict": spec.predict.source if spec.predict else None}
        source = sources.get(self.task_id)
        return [source.connection] if isinstance(source, SqlSource) else []

    def _announce(self, context: Context, record: StepRecord | None) -> None:
        """Say in the asset's event which version was promoted, so that who follows knows it."""
        known = record.summary if record else {}
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = {
                key: known[key] for key in ("model_version", "model_id") if known.get(key) is not None
            }


class ReportingStepOperator(StepOperator):
    """Runs a step that makes a page for people.

    `runs` says where the project's runs lie. As a template field it stands in the Dag as Airflow's database has it:
    there the API server reads it to find the page.

    :param project: as of `StepOperator`
    """

    template_fields = ("runs",)

    def __init__(self, *, project: Project, **kwargs: Any) -> None:
        super().__init__(project=project, **kwargs)
        self.runs = project.runs

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        """Nothing here is a template: a folder may be called `{{ ds }}`."""


def say_reason(context: Context) -> None:
    """Say again why the task failed, so that its log ends with the reason and not with the frames of a traceback."""
    task, error = context["task"], context.get("exception")
    if error:
        task.log.error("%s", error)


def first_try_number(context: Context) -> int:
    """The try with which this asking for the task began: retries share it, clearing the task begins the next.

    Airflow raises `max_tries` when a task is cleared, to the tries so far and the task's retries.
    """
    instance: Any = context["ti"]
    return max(1, int(instance.max_tries) - int(instance.task.retries or 0) + 1)


def _open_step(run_dir: str, step: str) -> StepDirectory:
    """Where the step will write, opened before it starts: afterwards a failure would have it run again."""
    try:
        return RunDirectory(run_dir).step(step)
    except MissingExtraError as error:
        raise AirflowFailException(f"Airflow cannot open the run directory {run_dir}: {error}") from None


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


def _connection_variable(name: str) -> str:
    return f"AIRFLOW_CONN_{name.upper()}"


def _connection_uri(name: str) -> str:
    try:
        return str(Connection.get(name).get_uri())
    except AirflowNotFoundException:
        raise AirflowFailException(
            f"mlkit.yaml names the connection {name!r}, and Airflow has none of that name. Add it: Admin, Connections."
        ) from None


def _end(step: str, process: ProcessGroup, exit_code: int, record: StepRecord | None) -> None:
    if exit_code == 0:
        return
    reason = _reason(step, process, exit_code, record)
    if exit_code == HELD_BACK_EXIT_CODE:
        raise AirflowSkipException(reason)
    no_retry_helps = exit_code in (UserError.exit_code, DataError.exit_code)
    raise (AirflowFailException if no_retry_helps else AirflowException)(reason)


def _reason(step: str, process: ProcessGroup, exit_code: int, record: StepRecord | None) -> str:
    if record and record.reason:
        return record.reason
    if exit_code < 0:
        name = signal.Signals(-exit_code).name
        hint = "; it may have run out of memory" if name == "SIGKILL" else ""
        return f"The step {step} was killed by {name}{hint}."
    return "\n".join([f"The step {step} ended with exit code {exit_code}.", *process.tail])
