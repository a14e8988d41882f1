"""The pods that the steps of a run have had, for a page."""

from __future__ import annotations

from airflow_mlkit.cost.tried import tell_tried
from airflow_mlkit.steps.context import StepContext


def find_tried(context: StepContext) -> dict[str, str]:
    """What was tried for each step of the run that has published, in words; nothing where steps are no pods."""
    found: dict[str, str] = {}
    for step in context.project.plan.retrain.steps:
        published = context.find(step.name)
        pods = context.run.step(step.name).pods(published.record.generation) if published else []
        if pods:
            found[step.name] = tell_tried(pods)
    return found
