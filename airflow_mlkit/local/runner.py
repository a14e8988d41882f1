"""Carries a Dag's plan out on this machine: ready steps side by side, each in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from airflow_mlkit.exceptions import UserError
from airflow_mlkit.local.forker import Forker, serve_forks
from airflow_mlkit.local.run_result import StepState, StepStatus
from airflow_mlkit.local.step_process import StepProcess, read_failure
from airflow_mlkit.plan import DagPlan, PlannedStep
from airflow_mlkit.project import Project
from airflow_mlkit.rundir import Approval, Outcome, Publication, RunDirectory, StepRecord
from airflow_mlkit.steps.context import fingerprint, read_inputs

POLL_SECONDS = 0.05

Watcher = Callable[[list[StepStatus]], None]
Asker = Callable[[StepStatus], Approval | None]
"""Asks a person about the gate's verdict; None where nobody is there to be asked."""


class LocalRunner:
    """One walk through the steps of a Dag.

    Args:
        project: whose plan is carried out.
        run: where the steps meet.
        dag: the project's retrain or predict.
        watch: called with the state of all steps, several times a second.
        ask: called before promote where the plan has a person say yes and the gates let the challenger pass.
    """

    def __init__(
        self, project: Project, run: RunDirectory, dag: DagPlan, watch: Watcher, ask: Asker = lambda _: None
    ) -> None:
        self.project, self.run, self.dag, self._watch, self._ask = project, run, dag, watch, ask
        self.statuses: dict[str, StepStatus] = {step.name: StepStatus(name=step.name) for step in dag.steps}
        self._running: dict[str, StepProcess] = {}
        self._forkers: dict[str, Forker] = {}
        self._next_look = 0.0

    def keep_what_fits(self) -> None:
        """Keep each step that is published and still fits its inputs, as `--resume` does.

        The champion may be another by now: so a verdict is kept only where it let the model pass, and promote never. It
        compares again with another champion, and finds itself in the champion log where it was promoted already.
        """
        for step in self.dag.steps:
            published = self.run.step(step.name).published()
            upstream_kept = all(self.statuses[name].state is StepState.KEPT for name in step.after)
            if published and upstream_kept and _stands(step, published) and self._fits(step, published):
                self._settle(step.name, published.record, StepState.KEPT)

    def _fits(self, step: PlannedStep, published: Publication) -> bool:
        inputs = read_inputs(step, lambda name: self.run.step(name).published())
        return published.record.fingerprint == fingerprint(self.project, self.run, step, inputs)

    def keep_before(self, first: str) -> None:
        """Keep the published steps on which `first` does not depend on being run again, as `--from` does.

        Raises:
            UserError: when a step before it has published nothing.
        """
        again = self._from_here_on(first)
        for step in self.dag.steps:
            if step.name in again:
                continue
            published = self.run.step(step.name).published()
            if published is None:
                raise UserError(
                    f"{first} cannot be the first: {step.name} has published nothing in {self.run.root}.",
                    hint="Go on with what there is: mlkit run --resume. Or name another run with --run-id.",
                )
            self._settle(step.name, published.record, StepState.KEPT)

    def go(self) -> None:
        """Run what is not kept, until all is done, something failed, or a step was held back.

        On any exception, KeyboardInterrupt among them, the running steps are stopped in good order first.
        """
        waiting = [name for name, status in self.statuses.items() if status.state is StepState.WAITING]
        with (
            TemporaryDirectory(prefix="mlkit-run-") as scratch,
            serve_forks(self.project, waiting) as self._forkers,
        ):
            try:
                while self._start_ready(Path(scratch)) or self._running:
                    self._collect(Path(scratch))
                    self._look()
                    time.sleep(POLL_SECONDS)
            finally:
                for process in self._running.values():
                    process.stop()
        self._watch(list(self.statuses.values()))

    def _from_here_on(self, first: str) -> set[str]:
        found = {first}
        for step in self.dag.steps:
            if found & set(step.after):
                found.add(step.name)
        return found

    def _start_ready(self, scratch: Path) -> bool:
        if any(status.state in (StepState.FAILED, StepState.HELD_BACK) for status in self.statuses.values()):
            return False
        ready = [step for step in self.dag.steps if self._is_ready(step)]
        for step in ready:
            approval = self._find_approval(step)
            with (scratch / step.name).open("wb") as output:
                forker = self._forkers.get(step.name)
                self._running[step.name] = StepProcess(
                    self.project, self.run, step, output, approval=approval, forker=forker
                )
            self.statuses[step.name].state = StepState.RUNNING
        return bool(ready)

    def _find_approval(self, step: PlannedStep) -> Approval | None:
        gate = self.statuses.get("gate")
        if step.name != "promote" or self.project.plan.approval is None or gate is None:
            return None
        self._watch(list(self.statuses.values()))
        return self._ask(gate) if gate.summary.get("decision") == "promote" else None

    def _is_ready(self, step: PlannedStep) -> bool:
        finished = (StepState.DONE, StepState.KEPT)
        return self.statuses[step.name].state is StepState.WAITING and all(
            self.statuses[name].state in finished for name in step.after
        )

    def _collect(self, scratch: Path) -> None:
        for name, process in list(self._running.items()):
            if not process.has_ended:
                continue
            del self._running[name]
            self._let_go(name)
            record = process.read_outcome()
            if record is not None:
                self._settle(name, record, _STATES[record.outcome])
            else:
                self._settle_without_record(name, process, scratch / name)

    def _let_go(self, name: str) -> None:
        """Give the memory back that was held for a step, and for no other one that is still to come."""
        forker = self._forkers.pop(name, None)
        if forker and forker not in self._forkers.values():
            forker.close()

    def _settle(self, name: str, record: StepRecord, state: StepState) -> None:
        self.statuses[name] = StepStatus(
            name=name,
            state=state,
            seconds=record.seconds,
            memory_mib=record.peak_memory_mib,
            reason=record.reason,
            exit_code=record.exit_code,
            summary=record.summary,
        )

    def _settle_without_record(self, name: str, process: StepProcess, printed: Path) -> None:
        said = read_failure(printed)
        self.statuses[name] = StepStatus(
            name=name,
            state=StepState.FAILED,
            seconds=process.seconds,
            reason=said if process.exit_code == UserError.exit_code else f"{process.describe_end()}\n{said}".rstrip(),
            exit_code=process.exit_code,
        )

    def _look(self) -> None:
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + 0.2
        for name, process in self._running.items():
            status = self.statuses[name]
            status.seconds = process.seconds
            status.memory_mib = max(status.memory_mib or 0.0, process.memory_mib) or None
        self._watch(list(self.statuses.values()))


def _stands(step: PlannedStep, published: Publication) -> bool:
    return not step.may_hold_back and published.record.summary.get("decision") in (None, "promote")


_STATES = {Outcome.DONE: StepState.DONE, Outcome.HELD_BACK: StepState.HELD_BACK, Outcome.FAILED: StepState.FAILED}
