"""The first seconds of a pod that was started ahead: it loads what its step needs, and waits for its task."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from airflow_mlkit.rundir import UNASKED_EXIT_CODE, StepDirectory, store_errors
from airflow_mlkit.rundir.tries import POD_VARIABLE

PAUSE_SECONDS, SHARE_OF_WAIT = 0.25, 0.05
"""Between two looks: at least so long, and such a share of what was waited already. On a busy cluster many pods wait
for long, and a look is a request to the bucket."""


def wait_until_asked(step: StepDirectory, generation: int, seconds: float, loading: Iterator[str]) -> None:
    """Return when the step may begin.

    Args:
        step: where it writes.
        generation: which asking for it this is.
        seconds: how long to wait.
        loading: loads something whenever it is gone on with; no further than until the step is asked for.

    Raises:
        SystemExit: with `UNASKED_EXIT_CODE`, when its task did not come.
    """
    began = time.monotonic()
    while not _is_asked(step, generation):
        waited = time.monotonic() - began
        if waited > seconds:
            raise SystemExit(UNASKED_EXIT_CODE)
        if next(loading, None) is None:
            time.sleep(max(PAUSE_SECONDS, SHARE_OF_WAIT * waited))


def _is_asked(step: StepDirectory, generation: int) -> bool:
    try:
        return step.is_asked(generation, os.environ.get(POD_VARIABLE, ""))
    except store_errors():  # it is away just now, and nothing is done yet that could be lost
        return False
