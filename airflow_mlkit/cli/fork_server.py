"""A process that has loaded what steps need, and forks one for each that is asked for.

`python -m airflow_mlkit.cli.fork_server '{"train": ["xgboost"]}'` loads what the steps need, reads requests from its
standard input, and says on its standard output what became of them, a line of JSON each.
`airflow_mlkit.local.fork_server` talks to it.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import selectors
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
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
        self._requests, self._reports, self._to_load = requests, reports, deque(libraries.items())
        self._unread = b""
        self._children: dict[int, int] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(requests, selectors.EVENT_READ)

    def serve(self) -> Request | None:
        """Serve until nobody asks any more.

        Returns:
            In a process that was forked, what it is to do; None in the server, at its end.
        """
        while True:
            for key, _ in self._selector.select(0 if self._to_load else None):
                if key.fd in self._children:
                    self._report_end(key.fd)
                    continue
                for request in self._read():
                    if request is None or self._fork(request):
                        return request
            self._load_next()

    def _read(self) -> Iterator[Request | None]:
        """The requests that are there; None at the end of all."""
        read = os.read(self._requests, 1 << 16)
        *lines, self._unread = (self._unread + read).split(b"\n")
        yield from map(json.loads, lines)
        if not read:
            yield None

    def _fork(self, request: Request) -> bool:
        """Whether this is the process that was forked."""
        while any(step in request["arguments"] for step, _ in self._to_load):  # it would load it for itself alone
            self._load_next()
        gc.freeze()  # for good: a collection would write to every page that both share, and copy it
        pid = os.fork()
        if pid:
            ended = os.pidfd_open(pid)
            self._children[ended] = pid
            self._selector.register(ended, selectors.EVENT_READ)
            self._report(number=request["number"], pid=pid)
            return False
        self._selector.close()
        for descriptor in (self._requests, self._reports, *self._children):
            os.close(descriptor)
        os.setsid()
        _print_to(request["output"])
        return True

    def _load_next(self) -> None:
        if self._to_load:
            deque(preload(*self._to_load.popleft()), maxlen=0)

    def _report_end(self, ended: int) -> None:
        pid = self._children.pop(ended)
        self._selector.unregister(ended)
        os.close(ended)
        _, status = os.waitpid(pid, 0)
        self._report(pid=pid, exit_code=os.waitstatus_to_exitcode(status))

    def _report(self, **said: int) -> None:
        with suppress(BrokenPipeError):  # whoever asked is gone, which the end of the requests says
            os.write(self._reports, json.dumps(said).encode() + b"\n")


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
