"""`mlkit run` and `mlkit predict` without the terminal: begin or resume a run, carry it out, say how it ended."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from upath import UPath

from airflow_mlkit.exceptions import DataError, UserError
from airflow_mlkit.local.run_lock import hold_run
from airflow_mlkit.local.run_result import RunResult, RunState, StepState, StepStatus
from airflow_mlkit.local.runner import Asker, LocalRunner, Watcher
from airflow_mlkit.plan import DagPlan
from airflow_mlkit.project import Project
from airflow_mlkit.rundir import RunDirectory, RunRecord
from airflow_mlkit.spec.nearest import did_you_mean
from airflow_mlkit.spec.run_parameters import RunParameters


def retrain(
    project: Project,
    *,
    as_of: datetime | None = None,
    parameters: RunParameters | None = None,
    resume: str | None = None,
    first: str | None = None,
    triggered_by: str | None = None,
    announce: Callable[[str], None] = lambda _: None,
    watch: Watcher = lambda _: None,
    ask: Asker = lambda _: None,
) -> RunResult:
    """Retrain a project on this machine.

    Args:
        project: the project, in an environment whose backend is local.
        as_of: the run's moment; the newest date in the data when not given.
        parameters: what this run does differently from mlkit.yaml.
        resume: a run id, or "newest": steps that are published there and still fit are kept.
        first: with `resume`: everything before this step is kept as it is, it and what follows run again.
        triggered_by: who asked for it.
        announce: called with the run's id before its first step.
        watch: called with the state of all steps, several times a second.
        ask: asks a person whether the challenger may become the champion, where mlkit.yaml wants that.

    Raises:
        UserError: when the environment is not local, there is no such run or step, or an old run is asked for with
            another as_of or other parameters than it began with.
    """
    _must_be_local(project)
    project.check_parameters(parameters or RunParameters())
    dag = project.plan.retrain
    if resume:
        _must_stay_as_begun(as_of, parameters)
    if first:
        _must_be_step(dag, first)
    run = _find_run(project, resume) if resume else _begin(project, "retrain", as_of, parameters, triggered_by)
    with hold_run(run):
        announce(run.record.run_id)
        runner = LocalRunner(project, run, dag, watch, ask)
        if first:
            runner.keep_before(first)
        elif resume:
            runner.keep_what_fits()
        runner.go()
        return _retrain_result(project, run, list(runner.statuses.values()))


def predict(
    project: Project,
    *,
    as_of: datetime | None = None,
    triggered_by: str | None = None,
    watch: Watcher = lambda _: None,
) -> RunResult:
    """Score the project's predict source with the champion, on this machine.

    Raises:
        UserError: when the environment is not local, or mlkit.yaml has no predict section.
    """
    _must_be_local(project)
    if project.plan.predict is None:
        raise UserError(
            f"{project.spec.name} has no predict section.", hint="Write one into mlkit.yaml (pattern: batch)."
        )
    run = _begin(project, "predict", as_of, None, triggered_by)
    with hold_run(run):
        runner = LocalRunner(project, run, project.plan.predict, watch)
        runner.go()
        return _predict_result(project, run, list(runner.statuses.values()))


def list_runs(project: Project, dag: str = "retrain") -> list[str]:
    """The ids of the project's runs of one Dag, oldest first."""
    root = UPath(project.runs)
    if not root.exists():
        return []
    found = [RunDirectory(path) for path in root.iterdir() if (path / "run.json").exists()]
    records = [run.record for run in found]
    return [record.run_id for record in sorted(records, key=lambda record: record.started) if record.dag == dag]


def _must_be_local(project: Project) -> None:
    if project.plan.backend != "local":
        raise UserError(
            f"The environment {project.plan.environment} runs its steps on {project.plan.backend}, not here.",
            hint="Name one with backend: local, such as --environment laptop.",
        )


def _must_be_step(dag: DagPlan, name: str) -> None:
    names = [step.name for step in dag.steps]
    if name not in names:
        raise UserError(f"There is no step {name!r}{did_you_mean(name, names)}")


def _begin(
    project: Project,
    dag: str,
    as_of: datetime | None,
    parameters: RunParameters | None,
    triggered_by: str | None,
) -> RunDirectory:
    started = datetime.now(UTC)
    run_id = f"{started:%Y-%m-%dT%H-%M-%S}-{secrets.token_hex(2)}"
    record = RunRecord(
        name=project.spec.name,
        run_id=run_id,
        dag=dag,
        as_of=as_of,
        environment=project.plan.environment,
        parameters=parameters or RunParameters(),
        triggered_by=triggered_by,
        started=started,
    )
    return RunDirectory.create(f"{project.runs}/{run_id}", record)


def _must_stay_as_begun(as_of: datetime | None, parameters: RunParameters | None) -> None:
    if as_of or (parameters and parameters != RunParameters()):
        raise UserError(
            "A run keeps the as_of, the training dates and the parameters that it began with.",
            hint="Begin a new run with others, or change mlkit.yaml and go on with --from.",
        )


def _find_run(project: Project, run_id: str) -> RunDirectory:
    known = list_runs(project)
    if not known:
        raise UserError(f"{project.spec.name} has no run to go on with.", hint="mlkit run begins one.")
    if run_id == "newest":
        return RunDirectory(f"{project.runs}/{known[-1]}")
    if run_id not in known:
        raise UserError(f"There is no run {run_id!r}{did_you_mean(run_id, known[-5:])}")
    return RunDirectory(f"{project.runs}/{run_id}")


def _retrain_result(project: Project, run: RunDirectory, steps: list[StepStatus]) -> RunResult:
    by_name = {status.name: status for status in steps}
    promote = by_name["promote"]
    failure = _worst(steps)
    shipped = promote.exit_code == 0
    state = RunState.FAILED if failure else RunState.SHIPPED if shipped else RunState.NOT_SHIPPED
    return RunResult(
        state=state,
        reason=f"{failure.name}: {failure.reason}" if failure else promote.reason,
        model_name=project.spec.name,
        model_version=promote.summary.get("model_version"),
        model_id=by_name["train"].summary.get("model_id"),
        as_of=by_name["extract"].summary.get("as_of"),
        metrics=by_name["evaluate"].summary.get("metrics", {}),
        gates=_published_json(run, by_name["gate"], "gate_report.json").get("results", []),
        steps=steps,
        run_id=run.record.run_id,
        run_dir=str(run.root),
        report=_published_file(run, by_name["evaluate"], "report.html"),
        gate_report=_published_file(run, by_name["gate"], "gate_report.html"),
        exit_code=_exit_code(failure),
    )


def _predict_result(project: Project, run: RunDirectory, steps: list[StepStatus]) -> RunResult:
    (step,) = steps
    failure = _worst(steps)
    state = RunState.FAILED if failure else RunState.SCORED if step.exit_code == 0 else RunState.SKIPPED
    return RunResult(
        state=state,
        reason=step.reason,
        model_name=project.spec.name,
        model_version=step.summary.get("model_version"),
        steps=steps,
        run_id=run.record.run_id,
        run_dir=str(run.root),
        output=step.summary.get("path"),
        rows=step.summary.get("rows"),
        exit_code=_exit_code(failure),
    )


def _worst(steps: list[StepStatus]) -> StepStatus | None:
    """The failed step that explains most: broken data before all others, then the first in the plan's order."""
    failed = [status for status in steps if status.state is StepState.FAILED]
    return min(failed, key=lambda status: status.exit_code != DataError.exit_code, default=None)


def _exit_code(failure: StepStatus | None) -> int:
    """0 for an answer, shipped or not; 2 when the user can mend it; 1 for every other failure."""
    if failure is None:
        return 0
    return UserError.exit_code if failure.exit_code == UserError.exit_code else 1


def _published_json(run: RunDirectory, step: StepStatus, name: str) -> dict[str, Any]:
    path = _published_file(run, step, name)
    return json.loads(UPath(path).read_text(encoding="utf-8")) if path else {}


def _published_file(run: RunDirectory, step: StepStatus, name: str) -> str | None:
    """A file of a step that ended in this run of the runner; an earlier generation's tells of another model."""
    published = run.step(step.name).published() if step.state in (StepState.DONE, StepState.KEPT) else None
    if published is None or name not in published.record.files:
        return None
    uri = published.uri(name)
    return str(Path(uri.path)) if uri.protocol in ("", "file") else str(uri)
