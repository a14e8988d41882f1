"""A line between a client and a server that breaks off, or stands still, in the middle of what is sent."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_BUFFER = 1 << 16


class CutLine:
    """Passes on what either side sends; `target` is the server's port on this machine, once it is there."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.target = 0
        self._left: int | None = None
        self._is_held, self._goes_on = threading.Event(), threading.Event()
        self._cuts = False
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def is_held(self) -> bool:
        """Whether it stands still."""
        return self._is_held.is_set()

    @contextmanager
    def held_after(self, sent: int) -> Iterator[None]:
        """It stands still once so many bytes were sent to the server, until the end of the block."""
        self._left, self._cuts = sent, False
        try:
            yield
        finally:
            self._left = None
            self._goes_on.set()

    def cut_after(self, sent: int) -> None:
        """It breaks off once, when so many bytes were sent to the server."""
        self._left, self._cuts = sent, True

    def close(self) -> None:
        """Take no more calls."""
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):  # it is closed
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
                for source, target, is_counted in ((near, far, True), (far, near, False)):
                    threading.Thread(target=self._pass_on, args=(source, target, is_counted), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, is_counted: bool) -> None:
        with suppress(OSError):
            while content := source.recv(_BUFFER):
                if is_counted and self._is_used_up(len(content)):
                    if self._cuts:
                        _break_off(source, target)
                        return
                    self._is_held.set()
                    self._goes_on.wait(120)
                    break
                target.sendall(content)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _is_used_up(self, sent: int) -> bool:
        if self._left is None:
            return False
        self._left -= sent
        if self._left > 0:
            return False
        if self._cuts:
            self._left = None  # once
        return True


def _break_off(*sides: socket.socket) -> None:
    """With a reset for both: one who is only told that nothing more comes may go on to send, and wait for ever."""
    for each in sides:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        each.shutdown(socket.SHUT_RD)  # wakes whoever reads from it
        each.close()
