"""What a step of a reproduction is run with: this Python, another one on this machine, or an image."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from airflow_mlkit.exceptions import StepError
from airflow_mlkit.project import Project
from airflow_mlkit.rundir import RunDirectory, StepRecord
from airflow_mlkit.workflows.libraries import versions_of

_GRACE_SECONDS = 10

_ASK = """
import json, sys
from airflow_mlkit.workflows.libraries import versions_of
print(json.dumps(versions_of(sys.argv[1:])))
"""


@dataclass(frozen=True)
class Interpreter:
    """How `mlkit` is started.

    Attributes:
        command: what stands before the words of `mlkit`.
        title: for people.
        variables: of the environment, beside those of this process.
        libraries: their versions; None where only the model that was made tells them.
    """

    command: tuple[str, ...]
    title: str
    variables: Mapping[str, str] = field(default_factory=dict)
    libraries: Mapping[str, str] | None = None


def this_interpreter(libraries: Iterable[str]) -> Interpreter:
    """The Python of this process, with the versions of these libraries."""
    own = versions_of(libraries)
    return Interpreter((sys.executable, "-m", "airflow_mlkit"), f"this Python, {sys.executable}", {}, own)


def read_interpreter(
    python: str, title: str, libraries: Iterable[str], variables: Mapping[str, str] | None = None
) -> Interpreter | None:
    """A Python of this machine with the versions of its libraries; None where the kit does not run with it."""
    own = dict(variables or {})
    try:
        done = subprocess.run(
            [python, "-c", _ASK, *libraries],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env=_environment(own),
        )
        found = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return Interpreter((python, "-m", "airflow_mlkit"), f"{title}, {python}", own, found)


def project_interpreter(project: Project, libraries: Iterable[str]) -> Interpreter | None:
    """The Python that the project's steps run with, where it is another than this one."""
    if project.python == sys.executable:
        return None
    return read_interpreter(project.python, "the project's Python", libraries)


def run_step(interpreter: Interpreter, step: str, project: Path, run: RunDirectory) -> StepRecord:
    """Run one step in a process of its own. An interruption here ends it first.

    Raises:
        StepError: when the process ended without an outcome.
    """
    words = ["step", step, "--project", str(project), "--run-dir", str(run.root)]
    process = subprocess.Popen(
        [*interpreter.command, *words],
        cwd=project,
        env=_environment(interpreter.variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed, _ = process.communicate()
    finally:
        _end(process)
    tries = run.step(step).tries()
    if not tries:
        said = "\n".join(printed.rstrip().splitlines()[-8:])
        raise StepError(
            f"The step {step} ended with exit code {process.returncode} before it wrote an outcome:\n{said}",
            hint=f"It ran with {interpreter.title}.",
        )
    return tries[-1]


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)
    with suppress(ProcessLookupError, PermissionError):  # nothing of its group is left, or a zombie only
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Of this process, without what would send the step to another environment or name another image."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith("MLKIT_")}
    return inherited | dict(variables)
