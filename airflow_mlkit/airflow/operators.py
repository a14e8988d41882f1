"""The operator that runs a step of a plan as a process on the worker's machine, with the project's own Python."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowNotFoundException
from airflow.sdk import BaseOperator, Connection

from airflow_mlkit.airflow.process_group import ProcessGroup
from airflow_mlkit.airflow.settings import Settings
from airflow_mlkit.airflow.step_task import Asking, StepTask, StepWithPages, end_task, say_reason
from airflow_mlkit.plan import DagPlan
from airflow_mlkit.project import Project
from airflow_mlkit.rundir import StepRecord
from airflow_mlkit.spec.data import SqlSource

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context

KILL_GRACE_SECONDS = 4.0
"""Airflow's supervisor kills a task's process five seconds after it asked it to end."""


class StepOperator(StepTask, BaseOperator):
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
        asking = self.find_asking(context)
        tries_before = len(asking.tries())
        command = self._command(context, asking)
        process = self._process = ProcessGroup(command, cwd=self.project.folder, env=self._environment())
        for line in process.lines():
            self.say_line(line)
        exit_code = process.wait()
        tries = asking.tries()
        record = tries[-1] if len(tries) > tries_before else None  # killed before it could write one
        end_task(exit_code, _reason(self.task_id, process, exit_code, record))
        self.announce(context, record)

    def on_kill(self) -> None:
        """End the step and everything it has started."""
        if self._process is not None:
            self._process.stop(KILL_GRACE_SECONDS)

    def _command(self, context: Context, asking: Asking) -> list[str]:
        given = {**self.project.step_options, **self.step_options(context, asking)}
        options = [f"{name}={value}" for name, value in given.items()]
        return [self._python(), "-m", "airflow_mlkit", "step", self.task_id, *options]

    def _python(self) -> str:
        """The project's own Python; the one of the settings only for a project that has none."""
        if self.project.python != sys.executable:
            return self.project.python
        return self.settings.python or sys.executable

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


class ReportingStepOperator(StepWithPages, StepOperator):
    """Runs a step that makes a page for people.

    :param project: as of `StepOperator`
    """


def _connection_variable(name: str) -> str:
    return f"AIRFLOW_CONN_{name.upper()}"


def _connection_uri(name: str) -> str:
    try:
        return str(Connection.get(name).get_uri())
    except AirflowNotFoundException:
        raise AirflowFailException(
            f"mlkit.yaml names the connection {name!r}, and Airflow has none of that name. Add it: Admin, Connections."
        ) from None


def _reason(step: str, process: ProcessGroup, exit_code: int, record: StepRecord | None) -> str:
    if record and record.reason:
        return record.reason
    if exit_code < 0:
        name = signal.Signals(-exit_code).name
        hint = "; it may have run out of memory" if name == "SIGKILL" else ""
        return f"The step {step} was killed by {name}{hint}."
    return "\n".join([f"The step {step} ended with exit code {exit_code}.", *process.tail])
