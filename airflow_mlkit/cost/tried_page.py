"""The page of the pods that a step had: on which sizes, what became of them, and what they took."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow_mlkit.cost.tried import seconds_of, tell_memory, tell_money, tell_tried
from airflow_mlkit.evaluation.page import render_page
from airflow_mlkit.rundir import PodRecord, StepDirectory

_WELL = "done"


def render_tried_page(step: StepDirectory, run_id: str) -> str:
    """The page as HTML: a table for each asking for the step, the newest first.

    Args:
        step: whose pods.
        run_id: of its run, for the headline.
    """
    askings = [(generation, step.pods(generation)) for generation in reversed(step.generations())]
    return render_page(
        Path(__file__).parent / "tried.html.j2",
        step=step.name,
        run_id=run_id,
        root=str(step.root),
        askings=[
            {"generation": generation, "told": tell_tried(pods), "rows": _rows(pods)}
            for generation, pods in askings
            if pods
        ],
    )


def _rows(pods: Sequence[PodRecord]) -> list[dict[str, Any]]:
    return [
        {
            "pod": pod.pod,
            "size": pod.size,
            "asked": f"{pod.asked.cpu:g} CPU, {pod.asked.memory}" if pod.asked else "",
            "is_well": pod.cause == _WELL and not pod.exit_code,
            "cause": pod.cause.replace("_", " "),
            "said": pod.said,
            "node": pod.node or "none",
            "began": f"{pod.started:%Y-%m-%d %H:%M:%S}" if pod.started else "never",
            "seconds": seconds_of(pod),
            "memory": tell_memory(pod),
            "money": tell_money([pod]),
        }
        for pod in pods
    ]
