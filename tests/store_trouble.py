"""What the server of a bucket suffers for a while: it is full, slow, or gone."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from tests.buckets import Application

Kind = Literal["full", "slow", "gone"]

SLOW_SECONDS = 1.0

_FULL = b"<Error><Code>XMinioStorageFull</Code><Message>Storage backend has reached its limit.</Message></Error>"
"""As MinIO says it; Amazon's buckets are never full."""


class StoreTrouble:
    """Stands between a bucket's server and those who ask it."""

    def __init__(self) -> None:
        self._kind: Kind | None = None

    @contextmanager
    def suffered(self, kind: Kind) -> Iterator[None]:
        """From now on until the end of the block."""
        self._kind = kind
        try:
            yield
        finally:
            self._kind = None

    def around(self, served: Application) -> Application:
        """The server, with what it suffers."""

        def answer(environ: dict[str, Any], start_response: Any) -> Any:
            if self._kind == "gone":
                environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)  # the network breaks off; nobody answers
                raise ConnectionAbortedError
            if self._kind == "slow":
                time.sleep(SLOW_SECONDS)
            if self._kind == "full" and environ["REQUEST_METHOD"] in ("PUT", "POST"):
                start_response("507 Insufficient Storage", [("Content-Type", "application/xml")])
                return [_FULL]
            return served(environ, start_response)

        return answer
