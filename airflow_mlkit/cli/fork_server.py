"""A process that has loaded what steps need, and forks one for each that is asked for.

`python -m airflow_mlkit.cli.fork_server '{"train": ["xgboost"]}'` loads what the steps need, reads requests from its
standard input, and says on its standard output what became of them, a line of JSON each.
`airflow_mlkit.local.forker` talks to it.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import selectors
import signal
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from airflow_mlkit.steps.preload import preload

Request = dict[str, Any]


class ForkServer:
    """Forks between two loads, so that the first steps need not wait for what later ones need.

    Args:
        requests: a file descriptor that is read.
        reports: one that is written to.
        libraries: what is loaded for each step, by its name, in the order in which they are asked for.
    """

    def __init__(self, requests: int, reports: int, libraries: Mapping[str, Sequence[str]]) -> None:
        self._requests, self._reports = requests, reports
        self._loading = {step: preload(step, named) for step, named in libraries.items()}
        self._unread = b""
        self._asked: deque[Request] = deque()
        self._children: dict[int, int] = {}
        self._ends, self._tells_of_ends = os.pipe()
        self._selector = selectors.DefaultSelector()
        for descriptor in (requests, self._ends, self._tells_of_ends):
            os.set_blocking(descriptor, False)
        for descriptor in (requests, self._ends):
            self._selector.register(descriptor, selectors.EVENT_READ)
        signal.set_wakeup_fd(self._tells_of_ends, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> Request | None:
        """Serve until nobody asks any more.

        Returns:
            In a process that was forked, what it is to do; None in the server, at its end.
        """
        while True:
            self._selector.select(0 if self._loading or self._asked else None)
            self._report_ends()
            if not self._read():  # nor does anybody want what was asked for
                return None
            while self._asked and self._has_loaded(self._asked[0]):
                if self._fork(request := self._asked.popleft()):
                    return request
            self._load_more()

    def _read(self) -> bool:
        """Take down what is asked for. Returns whether somebody is still there."""
        with suppress(BlockingIOError):
            while read := os.read(self._requests, 1 << 16):
                *lines, self._unread = (self._unread + read).split(b"\n")
                self._asked.extend(map(json.loads, lines))
            return False
        return True

    def _has_loaded(self, request: Request) -> bool:
        """Whether its process would have nothing to load for itself alone."""
        return not any(step in request["arguments"] for step in self._loading)

    def _load_more(self) -> None:
        for step in list(self._loading)[:1]:
            if next(self._loading[step], None) is None:
                del self._loading[step]

    def _fork(self, request: Request) -> bool:
        """Whether this is the process that was forked."""
        gc.freeze()  # for good: a collection would write to every page that both share, and copy it
        for stream in (sys.stdout, sys.stderr):  # what a library said is not each step's
            stream.flush()
        pid = os.fork()
        if pid:
            self._children[pid] = request["number"]
            return False
        os.setsid()
        # by the process itself, and before anything else: it is known even if the server does not live to see it
        self._report(number=request["number"], pid=os.getpid())
        self._leave()
        _print_to(request["output"])
        _draw_anew()
        return True

    def _leave(self) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for descriptor in (self._requests, self._reports, self._ends, self._tells_of_ends):
            os.close(descriptor)

    def _report_ends(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._ends, 1 << 16)
        for pid, number in list(self._children.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                del self._children[pid]
                self._report(number=number, exit_code=os.waitstatus_to_exitcode(status))

    def _report(self, **said: int) -> None:
        with suppress(BrokenPipeError):  # whoever asked is gone, which the end of the requests says
            os.write(self._reports, json.dumps(said).encode() + b"\n")


def _draw_anew() -> None:
    """Python reseeds its own generator in a forked process, and NumPy's global one is left as it was."""
    if numbers := sys.modules.get("numpy.random"):
        numbers.seed()


def _print_to(path: str) -> None:
    output = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.close(output)


def main() -> None:
    """Serve; in a forked process, be the command `mlkit` with the arguments of the request."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before OpenMP is loaded, as `mlkit step` does
    requests, reports, nothing = os.dup(0), os.dup(1), os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)  # what a library prints while it is loaded is no report
    from airflow_mlkit.cli.app import main as mlkit

    request = ForkServer(requests, reports, json.loads(sys.argv[1])).serve()
    if request is None:
        return
    sys.argv = ["mlkit", *request["arguments"]]
    code: int | str | None = 0
    try:
        mlkit()
    except SystemExit as ended:
        code = ended.code
    except Exception as error:  # noqa: BLE001  # as at the end of any process
        sys.excepthook(type(error), error, error.__traceback__)
        code = 1
    _end(code)


def _end(code: int | str | None) -> NoReturn:
    """End a forked process as Python would, but for taking apart what it shares with the server, which copies it."""
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001  # as multiprocessing does
    atexit._run_exitfuncs()  # noqa: SLF001
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    main()
