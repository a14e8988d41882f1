"""Processes of steps that are forked from one that has loaded their libraries: they are loaded once for all of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import psutil

from airflow_mlkit.project import Project
from airflow_mlkit.steps.preload import find_libraries

IS_POSSIBLE = sys.platform == "linux"
"""Elsewhere steps are processes of their own from the start: macOS's frameworks do not survive a fork."""

ALONE = ("validate", "promote")
"""Great Expectations and MLflow take longer to load than all that the other steps need, and these need not wait."""

PAUSE_SECONDS = 0.02


class Forker:
    """Has processes forked by `airflow_mlkit.cli.fork_server`, which loads what some steps need, as they come.

    Args:
        python: the interpreter with the steps' libraries.
        libraries: what is loaded for each step, by its name.
    """

    def __init__(self, python: str, libraries: Mapping[str, Sequence[str]]) -> None:
        command = [python, "-m", "airflow_mlkit.cli.fork_server", json.dumps(libraries)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._server = subprocess.Popen(command, start_new_session=True, bufsize=0, **pipes)
        self._forked: list[ForkedProcess] = []
        self._unread = b""

    def start(self, command: Sequence[str], output: IO[bytes]) -> ForkedProcess:
        """Ask for a process.

        Args:
            command: what it would be if it were not forked: an interpreter, `-m airflow_mlkit`, and arguments.
            output: a file for what it prints.
        """
        forked = ForkedProcess(self, command, output.name)
        request = {"number": len(self._forked), "arguments": command[3:], "output": output.name}
        self._forked.append(forked)
        with suppress(BrokenPipeError):  # it has ended, which `listen` sees
            self._pipe(self._server.stdin).write(json.dumps(request).encode() + b"\n")
        return forked

    def listen(self) -> None:
        """Take down what became of the processes. One that a server that has ended did not fork is started without."""
        has_ended = self._server.poll() is not None
        reports = self._pipe(self._server.stdout)
        # of one that has ended, to the end: that comes when all that it has forked have said who they are
        os.set_blocking(reports.fileno(), has_ended)
        *lines, self._unread = (self._unread + (reports.read() or b"")).split(b"\n")
        for said in map(json.loads, lines):
            self._take_down(said)
        for forked in self._forked if has_ended else ():
            forked.go_on_alone()

    def end(self) -> None:
        """End the server. The processes that it has forked stay, and are known."""
        self._server.kill()
        self._server.wait()
        self.listen()

    def close(self) -> None:
        """End it, when nobody wants to know any more what becomes of the processes."""
        self._server.kill()
        with self._server:  # closes its pipes
            pass

    def _take_down(self, said: Mapping[str, int]) -> None:
        forked = self._forked[said["number"]]
        forked.pid = said.get("pid", forked.pid)
        forked.returncode = said.get("exit_code")

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe


class ForkedProcess:
    """As much of a `subprocess.Popen` as a runner asks of one."""

    def __init__(self, forker: Forker, command: Sequence[str], output: str) -> None:
        self.pid: int | None = None
        self.returncode: int | None = None
        self._forker, self._command, self._output = forker, command, Path(output)
        self._is_unwanted = False
        self._alone: subprocess.Popen[bytes] | None = None

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None as long as it goes on."""
        if self.returncode is None:
            self._forker.listen()
        if self._alone:
            self.returncode = self._alone.poll()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended.

        Raises:
            subprocess.TimeoutExpired: when it has not after so many seconds.
        """
        started = time.monotonic()
        while (code := self.poll()) is None:
            if timeout is not None and time.monotonic() - started > timeout:
                raise subprocess.TimeoutExpired(list(self._command), timeout)
            time.sleep(PAUSE_SECONDS)
        return code

    def terminate(self) -> None:
        """SIGTERM; one that is not forked yet never will be."""
        self._is_unwanted = True
        self._forker.listen()
        if self.pid is None:
            self._forker.end()
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)

    def go_on_alone(self) -> None:
        """Go on without the server, which has ended."""
        if self.returncode is not None or self._alone:
            return
        if self.pid is None and self._is_unwanted:
            self.returncode = -signal.SIGTERM
        elif self.pid is None:
            with self._output.open("ab") as output:
                self._alone = spawn(self._command, output)
            self.pid = self._alone.pid
        elif not _is_alive(self.pid):
            self.returncode = 1


def _is_alive(pid: int) -> bool:
    """Not so a zombie: in a container nobody may be there to ask for its end."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def spawn(command: Sequence[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own: Ctrl-C reaches the runner alone, which stops its steps in good order."""
    return subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)


@contextmanager
def serve_forks(project: Project, steps: Sequence[str]) -> Iterator[dict[str, Forker]]:
    """What forks each of some steps, by their names; nothing where that is not possible, or where there is one step."""
    groups = [[name for name in steps if name not in ALONE], *([name] for name in steps if name in ALONE)]
    forkers: dict[str, Forker] = {}
    with ExitStack() as stack:
        for group in filter(None, groups if IS_POSSIBLE and len(steps) > 1 else ()):
            forker = Forker(project.python, {name: find_libraries(project, name) for name in group})
            stack.callback(forker.close)
            forkers |= dict.fromkeys(group, forker)
        yield forkers
