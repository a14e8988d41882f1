"""The task that asks a person, between gate and promote, whether a challenger may become the champion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk import Param

from airflow_mlkit.airflow.announce import QuestionNotifier, announcements
from airflow_mlkit.airflow.pages import report_address
from airflow_mlkit.airflow.run_place import find_run_directory
from airflow_mlkit.plan import PlannedApproval
from airflow_mlkit.project import Project
from airflow_mlkit.rundir import Approval, RunDirectory, StepRecord

if TYPE_CHECKING:
    from airflow.sdk.definitions.context import Context

WHY = "why"


class PromotionApprovalOperator(ApprovalOperator):
    """Asks the people of `promote.ask`, with the gate report in the question, and hands their answer to promote.

    It asks only where the gates let the challenger pass. A no, and no answer in time, end it in success too: promote
    holds the challenger back then, with who said no and why. Scoring does not wait for it, nor does any other Dag.

    :param project: whose challenger it is
    :param approval: who is asked, and for how long
    """

    def __init__(self, *, project: Project, approval: PlannedApproval, **kwargs: Any) -> None:
        super().__init__(
            subject=f"May the new model of {project.spec.name} replace the champion?",
            body="",
            defaults=self.REJECT,
            assigned_users=[{"id": name, "name": name} for name in approval.ask],
            response_timeout=approval.within,
            notifiers=[QuestionNotifier(project)] if announcements(project, "waiting") else [],
            on_failure_callback=announcements(project, "failed"),
            # in place of the Dag's params, which Airflow hands to each task: the form asks for this one only
            **{**kwargs, "params": {WHY: Param("", type="string", title="Why", description="Kept with the answer.")}},
        )
        self.project = project

    def execute(self, context: Context) -> Any:
        """Ask, unless the gates have said no already."""
        run_dir = find_run_directory(self.project, context["run_id"])
        gate = RunDirectory(run_dir).published("gate")
        if gate.record.summary["decision"] != "promote":
            self.log.info("nobody is asked: %s", gate.record.reason)
            return None
        page = report_address(context["ti"].dag_id, context["run_id"], "gate")
        self.body = describe_gate_report(gate.record, page, str(gate.uri("gate_report.html")))
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """The answer, as promote takes it. A no does not skip promote as in the parent: there it is written down."""
        answered = HITLOperator.execute_complete(self, context, event)
        who = answered["responded_by_user"]
        word = "yes" if self.APPROVE in answered["chosen_options"] else "no"
        return Approval(
            answer=word if who else "nobody",
            by=who["name"] if who else None,
            at=answered["responded_at"],
            why=str(answered["params_input"].get(WHY) or ""),
        ).model_dump(mode="json")


def describe_gate_report(gate: StepRecord, address: str, file: str) -> str:
    """The question in Markdown: what each gate found, the link to the page with the pictures, and its file."""
    table = ["| gate | passed | finding |", "| --- | --- | --- |"]
    for title, passed, found in gate.summary["findings"]:
        table.append(f"| {_cell(title)} | {'yes' if passed else 'no'} | {_cell(found)} |")
    return "\n".join([_cell(gate.reason or ""), "", *table, "", f"[The whole report]({address}), `{file}`"])


def _cell(text: str) -> str:
    """Foreign text that stays text in a Markdown table."""
    escaped = "".join(f"\\{char}" if char in "\\`*_{}[]<>#|~!" else char for char in text)
    return " ".join(escaped.split())
