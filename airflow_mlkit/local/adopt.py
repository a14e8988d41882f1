"""`mlkit adopt` without the terminal: a run like a retrain's, in which a model is taken over instead of trained."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow_mlkit.data.split_record import SplitRecord
from airflow_mlkit.data.trained_rows import TrainedRows
from airflow_mlkit.exceptions import MLKitError, UserError, WorkflowError
from airflow_mlkit.gates.report import GateReport
from airflow_mlkit.local.run_lock import hold_run
from airflow_mlkit.project import Project
from airflow_mlkit.registry.adoption import TrainingWord, adopt_challenger, refuse_champion
from airflow_mlkit.registry.by_hand import Change
from airflow_mlkit.registry.kept_project import PROJECT_FOLDER, keep_project
from airflow_mlkit.registry.model_registry import ModelRegistry
from airflow_mlkit.registry.provenance import PROVENANCE_FILE, Provenance
from airflow_mlkit.registry.registered_version import FoundVersion, fetch_version, find_version
from airflow_mlkit.registry.word import Word
from airflow_mlkit.rundir import Outcome, RunDirectory, RunRecord, safe_run_id
from airflow_mlkit.rundir.records import Record
from airflow_mlkit.steps.asked_size import find_asked_size
from airflow_mlkit.steps.promote import read_verdict
from airflow_mlkit.steps.run import find_step, run_step
from airflow_mlkit.steps.train import settings_of

_TURNED_ROUND = 0.4
"""A ROC AUC below it is no weak model, but one whose classes are the other way round."""


class Adoption(Record):
    """What came of it.

    Attributes:
        change: of the champion log.
        estimator: what was taken over.
        registered: when the version was registered that it was taken from.
        rows: of the holdout; `metrics` what it scored there.
        outlook: whether the next retrain can be compared with it, and else when.
        notes: what was taken for granted, and what the gates would have said.
    """

    change: Change
    estimator: str
    registered: datetime
    rows: int
    metrics: dict[str, float | None]
    outlook: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Request:
    """What a person asks for.

    Attributes:
        address: `models:/churn/3` or `models:/churn@champion`.
        word: who says so, and why.
        training: what she says of the rows that it learned from.
        classes: the label's values in the order in which the model gives them.
    """

    address: str
    word: Word
    training: TrainingWord = field(default_factory=TrainingWord)
    classes: tuple[str, ...] = ()


def adopt(project: Project, request: Request, say: Callable[[str], None] = lambda _: None) -> Adoption:
    """Make a version that lives in MLflow already the first champion.

    Its estimator is saved in the kit's format with the project's features code, scores the holdout of the project's
    data as any challenger does, and is asked once more from the registry before the champion log is written.

    Args:
        project: whose champion it is to be.
        request: which version, and who says so.
        say: called with the name of each step.

    Raises:
        UserError: when there is a champion, no such version, or it cannot be taken over: says what to do.
        DataError: when the project's data cannot be used.
        RegistryError: when MLflow refuses.
    """
    registry = ModelRegistry.of(project)
    found = find_version(registry, request.address)
    run_id = safe_run_id(f"adopt {found.address}")
    refuse_champion(registry.log.entries(), run_id)
    with tempfile.TemporaryDirectory(prefix="mlkit-adopt-") as scratch:
        say(f"fetch {found.address}")
        estimator = _read(project, registry, found, Path(scratch))
        _refuse_misfit(estimator, project)
        record = RunRecord(
            name=project.spec.name,
            run_id=run_id,
            dag="adopt",
            environment=project.plan.environment,
            triggered_by=request.word.by,
            started=datetime.now(UTC),
        )
        run = RunDirectory.create(f"{project.runs}/{run_id}", record)
        with hold_run(run):
            return _AdoptionRun(project, run, request, found, say).go(estimator)


def _read(project: Project, registry: ModelRegistry, found: FoundVersion, scratch: Path) -> Any:
    from airflow_mlkit.workflows.foreign_model import read_foreign_model

    return read_foreign_model(fetch_version(registry, found, scratch), found.address, project)


def _refuse_misfit(estimator: Any, project: Project) -> None:
    """See what can be seen of it before a row is read, which takes minutes where there are many."""
    from airflow_mlkit.workflows.foreign_fit import refuse_misfit

    refuse_misfit(estimator, project.spec.problem.kind, project.spec.data.label, _foresee_features(project))


def _foresee_features(project: Project) -> tuple[str, ...] | None:
    """The columns that features() gives, from a frame without rows; None where only rows can tell.

    One that needs rows raises, or leaves columns out, as one that makes a column of each value does.
    """
    import pandas as pd

    from airflow_mlkit.workflows.features import apply_features
    from airflow_mlkit.workflows.load import load_workflow_from

    declared = project.spec.data.features
    workflow, code = load_workflow_from(project.folder, project.spec.train.workflow)
    try:
        with code.active():
            made = tuple(map(str, apply_features(workflow, pd.DataFrame(columns=list(declared), dtype=object))))
    except WorkflowError:
        return None
    return made if set(declared) <= set(made) else None


@dataclass(frozen=True)
class _AdoptionRun:
    """One walk through the steps of an adoption."""

    project: Project
    run: RunDirectory
    request: Request
    found: FoundVersion
    say: Callable[[str], None]

    def go(self, estimator: Any) -> Adoption:
        """Take the estimator over, judge it, and make it the champion."""
        self._run_steps("extract", "validate", "split")
        split = SplitRecord.load(self.run.published("split").file("split.json"))
        trained = _find_trained_rows(split, self.found, self.request.training)
        self.say("take it over")
        notes = self._take_over(estimator, split, trained)
        self._run_steps("evaluate", "gate")
        challenger, report = read_verdict(self.project, self.run)
        _refuse_turned_round(challenger.metrics.get("roc_auc"), self.request.classes)
        self.say("ask it")
        change = adopt_challenger(self.project, challenger, report, self.request.word, self.request.training)
        return Adoption(
            change=change,
            estimator=type(estimator).__name__,
            registered=self.found.registered,
            rows=split.rows.holdout,
            metrics=dict(challenger.metrics),
            outlook=_look_ahead(trained, split),
            notes=(*notes, *_tell_gates(report)),
        )

    def _run_steps(self, *steps: str) -> None:
        for name in steps:
            self.say(name)
            record = run_step(name, self.project, self.run)
            if record.exit_code:
                raise _failed(name, record.exit_code, record.reason or "", str(self.run.root))

    def _take_over(self, estimator: Any, split: SplitRecord, trained: TrainedRows) -> tuple[str, ...]:
        """Publish the model in the place of the step train. Returns what was taken for granted."""
        from airflow_mlkit.workflows.foreign_fit import fit_to_project
        from airflow_mlkit.workflows.libraries import installed_distributions
        from airflow_mlkit.workflows.save import AdoptedRows, save_model

        project, planned = self.project, find_step(self.project, "train")
        fit = fit_to_project(estimator, split, self.request.classes)
        attempt = self.run.step("train").begin(size=find_asked_size(project, self.run, planned))
        keep_project(project, attempt.folder / PROJECT_FOLDER)
        provenance = Provenance.of(project, installed_distributions()).adopted(self.found.address)
        (attempt.folder / PROVENANCE_FILE).write_bytes(provenance.to_bytes())
        model = save_model(
            attempt.folder / "model",
            estimator,
            project=project,
            settings=replace(settings_of(project.spec, split), params={}),
            split=split.model_copy(update={"features": fit.features}),
            adopted=AdoptedRows(trained, fit.class_order),
        )
        summary = {"estimator": type(estimator).__name__, "model_id": model.manifest.model_id}
        record = attempt.record(
            outcome=Outcome.DONE, exit_code=0, files=attempt.seal(), summary=summary, spec_hash=project.spec_hash
        )
        attempt.end(record)
        attempt.publish(record)
        return fit.notes


def _failed(step: str, exit_code: int, reason: str, place: str) -> MLKitError:
    error = UserError if exit_code == UserError.exit_code else MLKitError
    return error(f"{step}: {reason}", hint=f"Nothing was adopted. The log lies in {place}/steps/{step}.")


def _find_trained_rows(split: SplitRecord, found: FoundVersion, training: TrainingWord) -> TrainedRows:
    """What can be held against a later holdout: a person's word, else that a row must be there to be learned from."""
    rows = TrainedRows(seen=(), newest=found.registered, sampling=_unlike(split), basis="registered")
    if training.until:
        return rows.model_copy(update={"newest": training.until, "basis": "word"})
    if training.unseen_because:
        oldest = split.dates["holdout"][0] if "holdout" in split.dates else None
        newest = oldest - timedelta(microseconds=1) if oldest else None
        return rows.model_copy(update={"newest": newest, "sampling": split.sampling, "basis": "word"})
    return rows


def _unlike(split: SplitRecord) -> Any:
    """A sampling that proves nothing by itself."""
    return split.sampling.model_copy(update={"sampling": "date_range", "key": (), "salt": None, "fraction": None})


def _refuse_turned_round(roc_auc: float | None, classes: Sequence[str]) -> None:
    if roc_auc is not None and roc_auc < _TURNED_ROUND:
        said = f"--classes {','.join(classes)} says so" if classes else "Are its classes the other way round"
        raise UserError(
            f"It ranks the positive class last: roc_auc {roc_auc:.3f} on the holdout. Nothing was adopted.",
            hint=f"{said}? Say in which order the model gives them: --classes no,yes.",
        )


def _look_ahead(trained: TrainedRows, split: SplitRecord) -> str:
    trouble = trained.why_not_unseen(split)
    if trouble is None:
        return "The next retrain is compared with it on the holdout."
    rolls = split.sampling.sampling == "date_range" and "holdout" in split.dates
    way = (
        "With a holdout that rolls (last: 30d) that comes by itself"
        if rolls
        else "With this holdout that never comes: say --unseen-because, or decide about the first retrain yourself"
    )
    return f"The next retrain cannot be compared with it yet: {trouble}. {way}."


def _tell_gates(report: GateReport) -> tuple[str, ...]:
    return () if report.is_promotion else (f"its gates would have held it back: {report.reason}",)
