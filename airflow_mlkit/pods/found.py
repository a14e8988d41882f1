"""Which of the pods that a step has in the cluster is followed. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from airflow_mlkit.plan.pod import LABEL
from airflow_mlkit.pods.verdict import Pod
from airflow_mlkit.rundir import StepRecord


def choose_found(
    found: Sequence[Pod], *, generation: int, judged: Collection[str], published: StepRecord | None
) -> tuple[Pod | None, list[str]]:
    """The pod that is followed, and the names of all others, which are removed: one pod works on a step at a time.

    Args:
        found: the step's pods of one run, oldest first, whatever became of them.
        generation: of this asking for the step.
        judged: the names of those whose end is written down.
        published: the step's result if it has one; only the pod that it is of is worth a look then.

    Returns:
        The oldest of this asking that nobody has judged yet, or None.
    """

    def is_wanted(pod: Pod) -> bool:
        name = pod["metadata"]["name"]
        is_of_this_asking = pod["metadata"]["labels"].get(f"{LABEL}/generation") == str(generation)
        return is_of_this_asking and name not in judged and (published is None or published.pod == name)

    chosen = next((pod for pod in found if is_wanted(pod)), None)
    return chosen, [str(pod["metadata"]["name"]) for pod in found if pod is not chosen]
