"""From the end of a task to news: what has happened, as the run directory has it, told to those who are to hear."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.bases.notifier import BaseNotifier
from airflow.sdk.log import redact  # type: ignore[attr-defined]  # not public; masks what the task's log masks

from airflow_mlkit.airflow.channels import send
from airflow_mlkit.airflow.news import News, write_message
from airflow_mlkit.airflow.pages import dag_run_address, question_address, report_address
from airflow_mlkit.airflow.reports import find_report
from airflow_mlkit.airflow.run_place import find_run_directory
from airflow_mlkit.airflow.step_task import APPROVE, find_as_of, first_try_number
from airflow_mlkit.project import Project
from airflow_mlkit.rundir import RunDirectory, StepRecord
from airflow_mlkit.spec.notify import Event

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context

Callback = Callable[["Context"], None]


def announcements(project: Project, event: Event) -> list[Callback]:
    """The callbacks of a task that tell of an event: none where nobody is to hear of it."""

    def tell(context: Context) -> None:
        announce(project, event, context)

    return [tell] if any(event in channel.events for channel in project.plan.channels) else []


class QuestionNotifier(BaseNotifier):
    """Tells those who are to hear of it that a person is waited for."""

    def __init__(self, project: Project) -> None:
        super().__init__()
        self.project = project

    def notify(self, context: Context) -> None:
        """Tell it."""
        announce(self.project, "waiting", context)


def announce(project: Project, event: Event, context: Context) -> None:
    """Tell an event through each channel that is to tell it. What could not be told stands in the task's log.

    A task's state does not depend on it: nothing is raised.
    """
    log = context["task"].log
    try:
        channels = [channel for channel in project.plan.channels if event in channel.events]
        message = write_message(gather_news(project, event, context))
        failed = send(channels, message)
    except Exception:
        log.exception("nobody was told (%s)", event)
        return
    for channel in channels:
        whom = f"{', '.join(channel.to)} by {channel.via} (connection {channel.connection})"
        if channel.key in failed:
            log.error("could not tell %s: %s", whom, redact(failed[channel.key]))
        else:
            log.info("told %s: %s", whom, message.subject)


def gather_news(project: Project, event: Event, context: Context) -> News:
    """What there is to say of an event, from the task and from the run directory."""
    instance: Any = context["ti"]
    dag_id, run_id, step = instance.dag_id, context["run_id"], instance.task_id
    is_retrain = dag_id == project.plan.retrain.dag_id
    run_dir = find_run_directory(project, run_id, is_retrain=is_retrain)
    found = _Findings(run_dir)
    reason = found.reason(event, step, context.get("exception"))
    shown = "gate" if step == APPROVE else step
    return News(
        event=event,
        model=project.spec.name,
        step=step,
        environment=project.plan.environment,
        owner=project.spec.owner,
        run=run_dir.rpartition("/")[2],
        dag_run=run_id,
        page=dag_run_address(dag_id, run_id),
        # what the task's log masks leaves Airflow masked, too
        sentence=str(redact(reason)),
        decision=found.decision if is_retrain and event != "failed" else None,
        as_of=find_as_of(context),
        version=found.version,
        report=report_address(dag_id, run_id, shown) if found.has_report(shown) else None,
        tries=instance.try_number - first_try_number(context) + 1,
        **(_question(project, context, dag_id, run_id) if event == "waiting" else {}),
    )


def _question(project: Project, context: Context, dag_id: str, run_id: str) -> dict[str, Any]:
    approval = project.plan.approval
    task: Any = context["task"]
    return {
        "asked": approval.ask if approval else (),
        "deadline": datetime.now(UTC) + task.response_timeout,
        "question": question_address(dag_id, run_id, task.task_id),
    }


class _Findings:
    """What a run directory tells about news; nothing where it cannot be read, for the news goes out all the same."""

    def __init__(self, run_dir: str) -> None:
        self.trouble: str | None = None
        self.run: RunDirectory | None = None
        self.gate: StepRecord | None = None
        self.promote: StepRecord | None = None
        try:
            self.run = RunDirectory(run_dir)
            self.gate, self.promote = self._record("gate"), self._record("promote")
        except Exception as error:  # noqa: BLE001  # a bucket that is away has errors of its own
            self.trouble = f"{run_dir} cannot be read: {error}"

    @property
    def decision(self) -> str | None:
        """The gates' word."""
        return str(self.gate.summary.get("decision")) if self.gate else None

    @property
    def version(self) -> str | None:
        """Of the model, where it was promoted."""
        version = self.promote and self.promote.summary.get("model_version")
        return str(version) if version is not None else None

    def reason(self, event: Event, step: str, error: object) -> str:
        """Why it came so, in the words of whoever decided it."""
        if event == "failed":
            return str(
                error
                or self._last_words(step)
                or self.trouble
                or "Its process ended without a word, as one that was killed does."
            )
        spoke = self.gate if event == "waiting" else self.promote
        return (spoke and spoke.reason) or self.trouble or "The task's log says why."

    def has_report(self, step: str) -> bool:
        """Whether a page can be opened."""
        try:
            return self.run is not None and find_report(self.run, step) is not None
        except Exception:  # noqa: BLE001  # said already
            return False

    def _record(self, step: str) -> StepRecord | None:
        published = self.run.step(step).published() if self.run else None
        return published.record if published else None

    def _last_words(self, step: str) -> str | None:
        tries = self.run.step(step).tries() if self.run and step != APPROVE else []
        return tries[-1].reason if tries else None
