"""Trainings in a process of their own, which a signal ends in the middle."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import xgboost

from airflow_mlkit.project import Project, load_project
from airflow_mlkit.rundir import RunDirectory, Try
from airflow_mlkit.steps.run import run_step
from airflow_mlkit.workflows import checkpoint as checkpoints
from tests.dying import FORKS


def train(
    project: Project,
    run: RunDirectory,
    counted: Path,
    end_at: tuple[str, int] = ("", 0),
    by: signal.Signals = signal.SIGKILL,
) -> int:
    """Train in a process of its own, which a signal ends at the n-th time of an act. Returns its exit code."""
    settings = (checkpoints.EVERY_SECONDS, checkpoints.LARGEST_SHARE)
    process = FORKS.Process(target=_carry_out, args=(project.folder, str(run.root), counted, *end_at, by, settings))
    process.start()
    process.join(120)
    assert process.exitcode is not None
    return process.exitcode


def _carry_out(
    folder: Path, run: str, counted: Path, act: str, time: int, by: signal.Signals, settings: tuple[float, float]
) -> None:
    checkpoints.EVERY_SECONDS, checkpoints.LARGEST_SHARE = settings
    owner: Any = {"fsync": os, "replace": Path, "publish": Try}.get(act, xgboost.Booster)
    trained = xgboost.Booster.update
    rounds = 0

    def update(booster: xgboost.Booster, *arguments: Any, **options: Any) -> None:
        nonlocal rounds
        trained(booster, *arguments, **options)
        rounds += 1
        counted.write_text(str(rounds))

    xgboost.Booster.update = update  # type: ignore[method-assign]
    if act:
        _end_at(owner, act, time, by)
    raise SystemExit(run_step("train", load_project(folder), RunDirectory(run), 1).exit_code)


def _end_at(owner: Any, act: str, time: int, by: signal.Signals) -> None:
    done = getattr(owner, act)
    left = time

    def count(*arguments: Any, **options: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0 and by is signal.SIGKILL:
            os.kill(os.getpid(), by)
        found = done(*arguments, **options)
        if left == 0:
            os.kill(os.getpid(), by)
        return found

    setattr(owner, act, count)
