"""One step as a child process: started, looked at, stopped, and read when it has ended."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

from airflow_mlkit.local.forker import ForkedProcess, Forker, spawn
from airflow_mlkit.plan import PlannedStep
from airflow_mlkit.project import Project
from airflow_mlkit.rundir import Approval, RunDirectory, StepRecord

GRACE_SECONDS = 10.0
"""How long a step may take to end after SIGTERM before it is killed; pods get 30 by default."""


class StepProcess:
    """A running step. Its log goes to the run directory; what it prints goes to `output`."""

    def __init__(
        self,
        project: Project,
        run: RunDirectory,
        step: PlannedStep,
        output: IO[bytes],
        *,
        approval: Approval | None = None,
        forker: Forker | None = None,
    ) -> None:
        self.step = step
        self._directory = run.step(step.name)
        self.generation = self._directory.next_generation()
        self._tries_before = len(self._directory.tries(self.generation))
        self.started = time.monotonic()
        command = [*_command(project, run, step, self.generation), *_answer(approval)]
        self._process: subprocess.Popen[bytes] | ForkedProcess = (forker.start if forker else spawn)(command, output)

    @property
    def seconds(self) -> float:
        """How long it has been running."""
        return time.monotonic() - self.started

    @property
    def memory_mib(self) -> float:
        """What it holds in memory now, 0 when it has just ended or is not there yet."""
        if self._process.pid is None:
            return 0.0
        try:
            return float(psutil.Process(self._process.pid).memory_info().rss) / (1 << 20)
        except psutil.Error:
            return 0.0

    @property
    def has_ended(self) -> bool:
        """Whether the process is over."""
        return self._process.poll() is not None

    def stop(self) -> None:
        """Ask it to end, and kill it when it does not within its grace, with all that it has started."""
        if self.has_ended:
            return
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_SECONDS)
        with suppress(ProcessLookupError, PermissionError):  # nothing of its group is left, or a zombie only
            if self._process.pid:
                os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):  # whoever forked it may be busy, and tell of its end late
            self._process.wait(GRACE_SECONDS)

    def read_outcome(self) -> StepRecord | None:
        """The record of this try; None when the process was killed before it could write one."""
        tries = self._directory.tries(self.generation)
        return tries[-1] if len(tries) > self._tries_before else None

    def describe_end(self) -> str:
        """Why a process that left no record ended."""
        code = self._process.wait()
        if code == -signal.SIGKILL:
            return "killed by SIGKILL; the usual reason is that the machine ran out of memory"
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"ended with exit code {code} before it wrote an outcome"

    @property
    def exit_code(self) -> int:
        """The process's exit code once it has ended, 1 for one that was killed."""
        code = self._process.returncode
        return code if code is not None and code >= 0 else 1


def _answer(approval: Approval | None) -> tuple[str, ...]:
    return ("--approval", approval.model_dump_json()) if approval else ()


def _command(project: Project, run: RunDirectory, step: PlannedStep, generation: int) -> list[str]:
    _, *words = step.command
    return [
        project.python,
        *("-m", "airflow_mlkit", *words),
        *("--run-dir", str(run.root)),
        *("--generation", str(generation)),
        *(word for option in project.step_options.items() for word in option),
    ]


def read_failure(log: Path, lines: int = 8) -> str:
    """The end of what a step printed, for one that could not write an outcome."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return "\n".join(text.rstrip().splitlines()[-lines:])
