"""Calling a workflow's `train()`, with chance and threads pinned."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from airflow_mlkit.workflows.base import TrainingSettings, configure
from airflow_mlkit.workflows.checkpoint import Checkpoint
from airflow_mlkit.workflows.fitted import check_fitted
from airflow_mlkit.workflows.user_code import user_code


def fit_workflow(
    workflow: Any,
    training: pd.DataFrame,
    validation: pd.DataFrame,
    settings: TrainingSettings,
    checkpoint: Checkpoint | None = None,
) -> Any:
    """Train a workflow and check what it returns.

    Args:
        workflow: the user's instance; its attributes are set here.
        training: feature columns and the encoded label.
        validation: further rows of the same form.
        settings: what the workflow is told.
        checkpoint: where it may go on; none is kept when not given.

    Returns:
        The fitted estimator.

    Raises:
        WorkflowError: when train() raises, or does not return a fitted estimator of the right kind.
    """
    what = f"train() of {type(workflow).__module__}:{type(workflow).__name__}"
    with user_code(what), _pinned(settings.seed, settings.threads):
        configure(workflow, settings, checkpoint or Checkpoint())
        found = workflow.train(training, validation)
    return check_fitted(found, settings)


@contextmanager
def _pinned(seed: int, threads: int) -> Iterator[None]:
    """Seed the global generators, and give OpenMP and BLAS the recorded number of threads.

    scikit-learn takes no more threads than the machine has cores unless OMP_NUM_THREADS is set, and histogram gradient
    boosting differs with their number; so it is set, and the same model comes from a machine of any size.
    """
    random.seed(seed)
    np.random.seed(seed)  # the global generator is what a user's code and scikit-learn draw from
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    try:
        with threadpool_limits(limits=threads):
            yield
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before
