"""One try of one step: its log, its outcome, its exit code."""

from __future__ import annotations

import importlib
import logging
import traceback
from collections.abc import Callable
from typing import Any

from airflow_mlkit.exceptions import MLKitError, StepTerminated, UserError
from airflow_mlkit.extras import needs_extra
from airflow_mlkit.plan import PlannedStep
from airflow_mlkit.project import Project
from airflow_mlkit.rundir import HELD_BACK_EXIT_CODE, Approval, Outcome, RunDirectory, StepRecord, Try, canonical_json
from airflow_mlkit.spec.nearest import did_you_mean
from airflow_mlkit.steps.asked_size import find_asked_size
from airflow_mlkit.steps.context import StepContext, StepResult
from airflow_mlkit.steps.graphics_cards import find_missing_card
from airflow_mlkit.steps.log import log_to
from airflow_mlkit.steps.memory import PeakMemory, count_oom_kills, watch_memory
from airflow_mlkit.steps.sign_of_life import show_life
from airflow_mlkit.steps.sigterm import Termination, stop_on_sigterm

log = logging.getLogger("airflow_mlkit")

INTERRUPTED_EXIT_CODE = 130

StepFunction = Callable[[StepContext], StepResult]


def run_step(
    name: str,
    project: Project,
    run: RunDirectory,
    generation: int | None = None,
    approval: Approval | None = None,
    *,
    size: str | None = None,
    owns_process: bool = False,
) -> StepRecord:
    """Run one step of a run and publish what it made. An error becomes the record of a failed try.

    From a notebook, with the inputs of a past run:

    >>> project = load_project("churn")                               # doctest: +SKIP
    >>> run_step("train", project, RunDirectory(f"{project.runs}/{run_id}"))   # doctest: +SKIP

    Args:
        name: a step of the project's plan.
        project: whose spec and code are used.
        run: the run directory; earlier steps have published there.
        generation: which asking for the step this is; the next one when not given.
        approval: for promote, what a person answered who was asked.
        size: what the process was given, where it is not what the step asks for: one that it grew to.
        owns_process: whether this process is there for the step only; its log then has all that is printed.

    Raises:
        UserError: when the plan has no such step.
        RunDirectoryError: when the run directory cannot be written to.
    """
    planned = find_step(project, name)
    attempt = run.step(name).begin(generation, find_asked_size(project, run, planned, size))
    with log_to(attempt.log, with_output=owns_process) as save_log, stop_on_sigterm() as termination:
        if missing := find_missing_card(attempt.size):
            log.warning("%s", missing)
        with show_life(attempt), watch_memory() as memory:
            fields = _carry_out(StepContext(project, run, planned, attempt, approval), termination, memory)
        record = attempt.record(**fields)
        _say(attempt, record)
        save_log()
        attempt.end(record)
        if record.outcome.is_published:
            _publish(attempt, record, save_log)
    return record


def find_step(project: Project, name: str) -> PlannedStep:
    """The step of that name, of whichever Dag.

    Raises:
        UserError: when the plan has no such step.
    """
    steps = [step for dag in (project.plan.retrain, project.plan.predict) if dag for step in dag.steps]
    for step in steps:
        if step.name == name:
            return step
    names = [step.name for step in steps]
    raise UserError(f"{project.spec.name} has no step {name!r}{did_you_mean(name, names)}")


def _carry_out(context: StepContext, termination: Termination, memory: PeakMemory) -> dict[str, Any]:
    """Everything that can be interrupted; afterwards SIGTERM finds the try ending by itself."""
    fields: dict[str, Any] = {"spec_hash": context.project.spec_hash}
    kills_before = count_oom_kills()
    try:
        try:
            fields |= _work(context, termination)
        except Exception as error:  # noqa: BLE001  # the boundary of the process: whatever it was becomes the outcome
            fields |= _failure(error)
            fields["lacked_memory"] = isinstance(error, MemoryError) or count_oom_kills() > kills_before
            _keep_what_was_made(context.attempt, fields)
        termination.hold()
    except StepTerminated as error:  # while the failure was being written down
        fields |= _failure(error)
    except (KeyboardInterrupt, SystemExit) as error:
        termination.hold()
        fields |= _interruption(error)
    return {**fields, "peak_memory_mib": memory.mib}


def _work(context: StepContext, termination: Termination) -> dict[str, Any]:
    _require_inputs(context)
    inputs, fits = context.inputs, context.fingerprint  # as they were before the step began
    result = load_step(context.planned.name)(context)
    termination.check()
    canonical_json(result.summary)  # refuses here what could not be written down later
    held_back = result.outcome is Outcome.HELD_BACK
    return {
        "inputs": inputs,
        "fingerprint": fits,
        "files": context.attempt.seal(),
        "outcome": result.outcome,
        "reason": result.reason,
        "summary": result.summary,
        "exit_code": HELD_BACK_EXIT_CODE if held_back else 0,
    }


def _require_inputs(context: StepContext) -> None:
    for name in context.planned.reads:
        if context.find(name) is None:
            raise UserError(
                f"{context.planned.name} reads what {name} publishes, and {name} has published nothing in this run.",
                hint=f"Type: mlkit step {name} --run-dir {context.run.root}",
            )


def load_step(name: str) -> StepFunction:
    """The function of a step, with the libraries that it needs.

    Raises:
        MissingExtraError: when one is not installed.
    """
    with needs_extra("steps", f"the step {name}"):
        return importlib.import_module(f"airflow_mlkit.steps.{name}").run  # type: ignore[no-any-return]


def _failure(error: Exception) -> dict[str, Any]:
    if isinstance(error, MLKitError):
        return {"outcome": Outcome.FAILED, "reason": str(error), "exit_code": error.exit_code}
    log.error("%s", "".join(traceback.format_exception(error)).rstrip())
    return {"outcome": Outcome.FAILED, "reason": f"{type(error).__name__}: {error}", "exit_code": 1}


def _interruption(error: KeyboardInterrupt | SystemExit) -> dict[str, Any]:
    if isinstance(error, KeyboardInterrupt):
        return {
            "outcome": Outcome.FAILED,
            "reason": "Interrupted; nothing was published.",
            "exit_code": INTERRUPTED_EXIT_CODE,
        }
    reason = f"The step's code called sys.exit({error.code!r}); a step ends by returning."
    return {"outcome": Outcome.FAILED, "reason": reason, "exit_code": 1}


def _keep_what_was_made(attempt: Try, fields: dict[str, Any]) -> None:
    """A failed step's report is worth reading, but not worth hiding the failure when it cannot be kept."""
    if fields["exit_code"] == StepTerminated.exit_code:
        return
    try:
        fields["files"] = attempt.seal()
    except Exception as error:  # noqa: BLE001  # whatever hinders it, the failure itself is what must be told
        log.warning("What was made before the failure is lost: %s", error)


def _publish(attempt: Try, record: StepRecord, save_log: Callable[[], None]) -> None:
    if not attempt.publish(record):
        log.warning("Another try of generation %d was first; this one is not used.", record.generation)
        save_log()
        attempt.save_log()
    try:
        attempt.checkpoints.remove()
    except Exception as error:  # noqa: BLE001  # each kind of bucket has errors of its own; the run is removed one day
        log.debug("what was kept to go on with stays: %s", error)


def _say(attempt: Try, record: StepRecord) -> None:
    """The last lines of the log, of which the reason is the very last."""
    ended = record.outcome.value.replace("_", " ")
    memory = f", {record.peak_memory_mib:.0f} MiB" if record.peak_memory_mib else ""
    log.info("%s: %s after %.1f s%s; its files lie in %s", record.step, ended, record.seconds, memory, attempt.root)
    if record.reason:
        log.log(logging.INFO if record.outcome.is_published else logging.ERROR, "%s", record.reason)
