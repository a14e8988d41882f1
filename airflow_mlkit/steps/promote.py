"""promote: a challenger that passed its gates becomes the champion; one that did not is held back, with the reason."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow_mlkit.cost.report import Cost
from airflow_mlkit.data.split_record import SplitRecord
from airflow_mlkit.exceptions import RunDirectoryError
from airflow_mlkit.gates.report import GateReport
from airflow_mlkit.project import Project
from airflow_mlkit.registry.challenger import Challenger
from airflow_mlkit.registry.champion_entry import ChampionEntry
from airflow_mlkit.registry.kept_project import PROJECT_FOLDER
from airflow_mlkit.registry.model_registry import ModelRegistry
from airflow_mlkit.registry.promotion import Promotion, promote
from airflow_mlkit.registry.provenance import PROVENANCE_FILE, Provenance
from airflow_mlkit.registry.spending import count_run
from airflow_mlkit.rundir import Outcome, Publication, RunDirectory, Try
from airflow_mlkit.spec.pipeline import PersonalPromotion
from airflow_mlkit.spec.roles import column_roles
from airflow_mlkit.spec.values import format_duration
from airflow_mlkit.steps.context import StepContext, StepResult
from airflow_mlkit.steps.run import find_step
from airflow_mlkit.workflows.manifest import load_manifest

log = logging.getLogger("airflow_mlkit.promotion")

PROMOTION_FILE = "promotion.json"
REPORT_FILE, PAGE_FILE = "gate_report.json", "gate_report.html"


def run(context: StepContext) -> StepResult:
    """Promote the run's model, or hold it back.

    Raises:
        RegistryError: when the champion log is damaged, or MLflow refuses. The next try goes on from there.
    """
    report = _read_report(context.input("gate").file(REPORT_FILE))
    reason = report.reason if not report.is_promotion else _find_refusal(context)
    promotion = (
        Promotion(decision="held_back", reason=reason, gate_report=report) if reason else _promote(context, report)
    )
    (context.folder / PROMOTION_FILE).write_bytes(promotion.to_bytes())
    return _conclude(context, promotion)


def read_challenger(context: StepContext) -> Challenger:
    """All that is known of the run's model.

    Args:
        context: of a step that comes after evaluate.
    """
    split = SplitRecord.load(context.input("split").file("split.json"))
    train = context.input("train")
    model = train.folder("model")
    manifest = load_manifest(model)
    record, spec = context.run.record, context.spec
    seen = manifest.fitted_on or tuple(split.feature_names)
    return Challenger(
        model_name=spec.name,
        model_id=manifest.model_id,
        run_id=record.run_id,
        run_dir=str(context.run.root),
        as_of=context.as_of,
        environment=record.environment,
        parameters=record.parameters,
        owner=spec.owner,
        triggered_by=record.triggered_by,
        pattern=spec.pattern,
        data_hash=split.snapshot_hash,
        holdout_hash=split.content_hashes["holdout"],
        spec_hash=train.record.spec_hash or context.project.spec_hash,
        code_hash=manifest.code_hash,
        label=split.label,
        features=manifest.inputs,
        model_features=seen if set(seen) != set(manifest.inputs) else (),
        roles=column_roles(spec),
        seed=manifest.seed,
        threads=manifest.threads,
        device=manifest.device,
        params=manifest.params,
        metrics=_read_metrics(context),
        libraries=manifest.libraries,
        provenance=_read_provenance(train),
        cost=_count_cost(context),
        model=model,
        project=train.folder(PROJECT_FOLDER) if _holds(train, PROJECT_FOLDER) else None,
        documents=(
            context.input("evaluate").file("report.html"),
            *(context.input("gate").file(name) for name in (PAGE_FILE, REPORT_FILE)),
        ),
        approval=context.approval,
    )


def register_run(project: Project, run: RunDirectory) -> tuple[str, GateReport]:
    """Register the model of a run that was held back, so that a person can promote it.

    Returns:
        The version's number in MLflow, and what the gates said.

    Raises:
        RunDirectoryError: when the run did not come as far as the gates.
        RegistryError: when MLflow refuses.
    """
    challenger, report = read_verdict(project, run)
    return ModelRegistry.of(project).register(challenger, report).version, report


def read_verdict(project: Project, run: RunDirectory) -> tuple[Challenger, GateReport]:
    """A run's model with all that is known of it, and what its gates said.

    Raises:
        RunDirectoryError: when the run did not come as far as the gates.
    """
    attempt = Try("promote", run.step("promote").root, 0, 0, datetime.now(UTC))  # only to read: it claims no number
    context = StepContext(project, run, find_step(project, "promote"), attempt)
    return read_challenger(context), _read_report(context.input("gate").file(REPORT_FILE))


def _promote(context: StepContext, report: GateReport) -> Promotion:
    def judge(champion: ChampionEntry | None) -> GateReport:
        # scoring a champion needs the libraries of training, and it is only needed when another run was faster
        from airflow_mlkit.steps.gate import judge

        found = judge(context, champion)
        # before the champion log names its hash: a process that is killed after that leaves the report to be found
        found.write(context)
        return found.report

    return promote(read_challenger(context), ModelRegistry.of(context.project), report, judge)


def _find_refusal(context: StepContext) -> str | None:
    """Why a person who has the last word did not say yes; None where nobody is asked, or somebody did."""
    promote, approval = context.spec.promote, context.approval
    if not isinstance(promote, PersonalPromotion) or (approval and approval.answer == "yes"):
        return None
    if approval is None:
        return (
            "It passed its gates, and a person has the last word, whom nobody could ask here. "
            f"Say yes with mlkit promote --run {context.run.root.name} --reason ..."
        )
    if approval.answer == "nobody":
        asked, within = ", ".join(promote.ask), format_duration(promote.within)
        return f"It passed its gates, and nobody who was asked ({asked}) answered within {within}."
    said = f"It passed its gates, and {approval.by or 'somebody'} said no"
    return f"{said}: {approval.why}" if approval.why else f"{said}."


def _conclude(context: StepContext, promotion: Promotion) -> StepResult:
    entry, report = promotion.entry, promotion.gate_report
    summary: dict[str, Any] = {
        "decision": promotion.decision,
        "model_name": context.spec.name,
        "model_version": entry.model_version if entry else None,
        "model_id": report.challenger.model_id,
        "champion": entry.n if entry else None,
        "compared_again": promotion.compared_again,
    }
    if entry is None:
        return StepResult(summary, Outcome.HELD_BACK, promotion.reason)
    log.info("%s version %s is the champion (entry %d)", entry.model_name, entry.model_version, entry.n)
    return StepResult(summary, reason=promotion.reason)


def _read_report(path: Path) -> GateReport:
    try:
        return GateReport.model_validate_json(path.read_bytes())
    except ValueError as error:
        raise RunDirectoryError(f"{path} is damaged: {error}.", hint="Run the step gate again.") from None


def _count_cost(context: StepContext) -> Cost | None:
    """What the run has cost up to now; how that is counted must not keep a model from being promoted."""
    try:
        return Cost.of(count_run(context.run, context.spec.name))
    except RunDirectoryError as error:
        log.warning("what the version has cost is not written down: %s", error.message)
        return None


def _read_metrics(context: StepContext) -> dict[str, float | None]:
    found = json.loads(context.input("evaluate").file("metrics.json").read_bytes())
    return {str(name): value for name, value in found["metrics"].items()}


def _read_provenance(train: Publication) -> Provenance:
    """Where the model comes from; nothing is known of one that an older kit trained."""
    if not _holds(train, PROVENANCE_FILE):
        return Provenance()
    return Provenance.model_validate_json(train.file(PROVENANCE_FILE).read_bytes())


def _holds(published: Publication, name: str) -> bool:
    return any(file == name or file.startswith(f"{name}/") for file in published.record.files)
