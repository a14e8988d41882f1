"""From plans to Dags. Thin: it carries out what `airflow_mlkit.plan` decided and imports nothing heavy."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk import DAG, Asset, BaseOperator, get_parsing_context
from airflow.timetables.assets import AssetOrTimeSchedule
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_mlkit.airflow.channels import check_providers
from airflow_mlkit.airflow.documentation import dag_documentation
from airflow_mlkit.airflow.operators import ReportingStepOperator, StepOperator
from airflow_mlkit.airflow.params import retrain_params
from airflow_mlkit.airflow.reports import PAGES
from airflow_mlkit.airflow.settings import Settings, read_settings
from airflow_mlkit.airflow.step_task import APPROVE, say_reason
from airflow_mlkit.exceptions import ProjectError, SpecError
from airflow_mlkit.plan import DagPlan, PlannedApproval, PlannedStep
from airflow_mlkit.project import SPEC_FILE, Project, load_project

RETRIES = 1
"""For a step that was killed or met trouble outside. What a retry cannot help fails at once."""

POD_RETRIES = 3
"""Where steps are pods: a long training may outlive more than one worker, and no retry costs what its pod has done."""

RETRY_DELAY = timedelta(seconds=5)

POD_RETRY_DELAY = timedelta(minutes=1)
"""Where steps are pods: what stopped a task may take a minute to come back, as Airflow's API server does in an upgrade.
A pod that goes on meanwhile is found again by the retry."""


def pipeline_dags(file: str | Path) -> dict[str, DAG]:
    """The Dags of the project in which a file lies, by their ids.

    In a task's process only the Dag of that task is built. Environment, platform.yaml and the fallback for the steps'
    Python come from the `[mlkit]` section of airflow.cfg.

    Args:
        file: any file or folder of the project, such as a Dag file's own `__file__`.

    Raises:
        ProjectError: when there is no mlkit.yaml above it.
        SpecError: when mlkit.yaml or platform.yaml cannot be used.
    """
    settings = read_settings()
    project = load_project(find_project(file), environment=settings.environment, platform=settings.platform)
    return build_dags(project, settings)


def find_project(file: str | Path) -> Path:
    """The nearest folder at or above a path that holds an mlkit.yaml.

    Raises:
        ProjectError: when there is none.
    """
    path = Path(file).resolve()
    for folder in (path, *path.parents):
        if (folder / SPEC_FILE).is_file():
            return folder
    raise ProjectError(
        f"There is no {SPEC_FILE} beside or above {path}.", hint="Keep the Dag file inside the project's folder."
    )


def build_dags(project: Project, settings: Settings) -> dict[str, DAG]:
    """The Dags of a loaded project, by their ids.

    Raises:
        SpecError: when the environment's backend is not built yet, a schedule is not understood, or what a channel of
            platform.yaml needs is not installed.
    """
    plan = project.plan
    check_providers(project)
    wanted = get_parsing_context().dag_id
    dags = [dag for dag in (plan.retrain, plan.predict) if dag and wanted in (None, dag.dag_id)]
    return {dag.dag_id: _build_dag(project, dag, settings) for dag in dags}


def _build_dag(project: Project, plan: DagPlan, settings: Settings) -> DAG:
    is_retrain = plan is project.plan.retrain
    retries, delay = (RETRIES, RETRY_DELAY) if project.plan.backend == "local" else (POD_RETRIES, POD_RETRY_DELAY)
    with DAG(
        dag_id=plan.dag_id,
        description=plan.description,
        schedule=_schedule(project, plan),
        catchup=False,
        max_active_runs=1,
        tags=["mlkit", project.plan.pattern, project.spec.name],
        doc_md=dag_documentation(project),
        default_args={
            "owner": project.spec.owner,
            "retries": retries,
            "retry_delay": delay,
            "weight_rule": "absolute",
            "priority_weight": 2 * len(plan.steps),  # for what is asked between two steps
        },
    ) as dag:
        tasks = {step.name: _build_task(project, plan, step, settings) for step in plan.steps}
        for step in plan.steps:
            for earlier in step.after:
                tasks[earlier] >> tasks[step.name]
        if is_retrain and project.plan.approval:
            tasks["gate"] >> _build_approval(project, project.plan.approval) >> tasks["promote"]
    if is_retrain:  # now that the tasks are there: Airflow copies a Dag's parameters for each task that it makes
        dag.params.update(retrain_params(project))
    return dag


def _build_task(project: Project, plan: DagPlan, step: PlannedStep, settings: Settings) -> BaseOperator:
    outlets = [Asset(name=f"models/{project.spec.name}", uri=step.outlet)] if step.outlet else []
    operator = _choose_operator(project, with_pages=step.name in PAGES)
    return operator(
        task_id=step.name,
        # What has begun is brought to its end first: by default Airflow begins every retrain that waits before it goes
        # on with any, where it has fewer slots than tasks. The first step has the weight that it has by default, so
        # that a retrain begins among other people's Dags as it would.
        priority_weight=len(plan.steps) + plan.steps.index(step),
        project=project,
        dag_plan=plan,
        settings=settings,
        outlets=outlets,
        **_build_callbacks(project, step),
    )


def _choose_operator(project: Project, *, with_pages: bool) -> type[BaseOperator]:
    if project.plan.backend == "local":
        return ReportingStepOperator if with_pages else StepOperator
    # the providers take most of a second to import, and an installation without pods may not have them
    if project.plan.backend == "gke":
        from airflow_mlkit.airflow.gke_operator import GkeStepOperator, ReportingGkeStepOperator

        return ReportingGkeStepOperator if with_pages else GkeStepOperator
    from airflow_mlkit.airflow.pod_operator import PodStepOperator, ReportingPodStepOperator

    return ReportingPodStepOperator if with_pages else PodStepOperator


def _build_callbacks(project: Project, step: PlannedStep) -> dict[str, Any]:
    """Who is told of a task's end. The first of each says the reason in its log again."""
    if not project.plan.channels:
        return {}
    from airflow_mlkit.airflow.announce import announcements

    callbacks = {"on_failure_callback": [say_reason, *announcements(project, "failed")]}
    if step.name == "promote":
        callbacks["on_skipped_callback"] = announcements(project, "held_back")
        callbacks["on_success_callback"] = announcements(project, "promoted")
    return callbacks


def _build_approval(project: Project, approval: PlannedApproval) -> BaseOperator:
    # Airflow's human-in-the-loop operators take 30 ms to import, and few projects ask anybody
    from airflow_mlkit.airflow.approval import PromotionApprovalOperator

    return PromotionApprovalOperator(task_id=APPROVE, project=project, approval=approval)


def _schedule(project: Project, plan: DagPlan) -> Any:
    schedule = plan.schedule
    if schedule is None:
        return None
    assets = [_asset(text) for text in schedule.assets]
    if not schedule.cron:
        return assets
    timetable = _timetable(project, plan, schedule.cron)
    return AssetOrTimeSchedule(timetable=timetable, assets=assets) if assets else timetable


def _asset(text: str) -> Any:
    """A reference to an asset that somebody else declares: by its URI, or by its name."""
    return Asset.ref(uri=text) if "://" in text else Asset.ref(name=text)


def _timetable(project: Project, plan: DagPlan, cron: str) -> CronTriggerTimetable:
    """Runs at the next moment of the expression, in UTC; unpausing a Dag starts no run for a moment that has passed.

    That holds for Dags without a start date only, so these have none. A backfill may ask for any date.
    """
    # for False Airflow does start a run for a moment that passed less than a tenth of the period ago
    timetable = CronTriggerTimetable(cron, timezone="UTC", run_immediately=timedelta(0))
    try:
        timetable.validate()
    except AirflowException as error:
        section = "train" if plan is project.plan.retrain else "predict"
        where = f"{project.folder / SPEC_FILE} {section}.schedule.cron"
        raise SpecError([f"{where}: {cron!r} is no cron expression ({error})"]) from None
    return timetable
