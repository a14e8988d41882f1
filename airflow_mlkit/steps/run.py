"""One process, one try of one step: its log, its outcome, its exit code."""

from __future__ import annotations

import importlib
import logging
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from airflow_mlkit.exceptions import MLKitError, StepTerminated, UserError
from airflow_mlkit.extras import needs_extra
from airflow_mlkit.project import Project
from airflow_mlkit.rundir import Outcome, RunDirectory, StepRecord, Try
from airflow_mlkit.steps.context import StepContext, StepResult, fingerprint, read_inputs
from airflow_mlkit.steps.memory import peak_memory_mib

log = logging.getLogger("airflow_mlkit")

HELD_BACK_EXIT_CODE = 20

StepFunction = Callable[[StepContext], StepResult]


def run_step(name: str, project: Project, run: RunDirectory, generation: int | None = None) -> StepRecord:
    """Run one step of a run and publish what it made. An error becomes the record of a failed try.

    Args:
        name: a step of the project's plan.
        project: whose spec and code are used.
        run: the run directory; earlier steps have published there.
        generation: which asking for the step this is; the next one when not given.

    Raises:
        UserError: when the plan has no such step.
    """
    planned = _find(project, name)
    attempt = run.step(name).begin(generation)
    context = StepContext(project, run, planned, attempt)
    with _log_to(attempt), _stop_on_sigterm():
        return _publish(attempt, _carry_out(context))


def _find(project: Project, name: str) -> Any:
    dags = [dag for dag in (project.plan.retrain, project.plan.predict) if dag]
    for step in (step for dag in dags for step in dag.steps):
        if step.name == name:
            return step
    known = ", ".join(step.name for dag in dags for step in dag.steps)
    raise UserError(f"{project.spec.name} has no step {name!r}.", hint=f"Its steps are {known}.")


def _carry_out(context: StepContext) -> StepRecord:
    fields: dict[str, Any] = {"inputs": {}, "fingerprint": ""}
    try:
        fields["inputs"] = read_inputs(context.run, context.planned)
        fields["fingerprint"] = fingerprint(context.project, context.run, context.planned)
        result = _load(context.planned.name)(context)
        fields |= {"outcome": result.outcome, "reason": result.reason, "summary": result.summary}
        fields["exit_code"] = HELD_BACK_EXIT_CODE if result.outcome is Outcome.HELD_BACK else 0
    except MLKitError as error:
        fields |= {"outcome": Outcome.FAILED, "reason": str(error), "exit_code": error.exit_code}
    except Exception as error:  # the boundary of the process: whatever it was is logged whole and becomes the outcome
        log.error("%s", traceback.format_exc().rstrip())
        fields |= {"outcome": Outcome.FAILED, "reason": f"{type(error).__name__}: {error}", "exit_code": 1}
    return context.attempt.end(
        spec_hash=context.project.spec_hash, peak_memory_mib=peak_memory_mib(), **fields
    )


def _load(name: str) -> StepFunction:
    with needs_extra("steps", f"the step {name}"):
        return importlib.import_module(f"airflow_mlkit.steps.{name}").run  # type: ignore[no-any-return]


def _publish(attempt: Try, record: StepRecord) -> StepRecord:
    if record.outcome.is_published and not attempt.publish(record):
        log.warning("%s: another try of generation %d was first; this one is not used", record.step, record.generation)
    if record.reason:
        log.log(logging.INFO if record.outcome.is_published else logging.ERROR, "%s", record.reason)
    return record


@contextmanager
def _log_to(attempt: Try) -> Iterator[None]:
    handler = logging.FileHandler(attempt.folder / "log.txt", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()


@contextmanager
def _stop_on_sigterm() -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise StepTerminated("Stopped by SIGTERM; nothing was published.")

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
