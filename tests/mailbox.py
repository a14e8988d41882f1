"""A mail server on the loopback that keeps what it is given."""

from __future__ import annotations

import email
import email.policy
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller


class Mailbox:
    """Every mail that came in, with those to whom it was handed."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self.port = 0

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        """Keep a mail."""
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append((list(envelope.rcpt_tos), parsed))
        return "250 OK"

    @property
    def connection(self) -> str:
        """Airflow's connection to it, as AIRFLOW_CONN_... has it."""
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": "airflow@example.com", "retry_limit": 1}
        return json.dumps({"conn_type": "smtp", "host": "127.0.0.1", "port": self.port, "extra": extra})

    def wait_for(self, to: str, subject: str, timeout: float = 30.0) -> EmailMessage:
        """The newest mail to somebody whose subject begins like this."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for recipients, mail in reversed(self.mails):
                if to in recipients and str(mail["Subject"]).startswith(subject):
                    return mail
            time.sleep(0.1)
        raise AssertionError(f"no mail {subject!r} to {to}: {[(r, str(m['Subject'])) for r, m in self.mails]}")


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    """A running one, on a free port."""
    mailbox = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        mailbox.port = free.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


def links_of(mail: EmailMessage) -> dict[str, str]:
    """Where the links of a mail lead, by their texts."""
    body = mail.get_body(("html",))
    assert body is not None
    return {text: address for address, text in re.findall('<a href="([^"]*)">([^<]*)</a>', body.get_content())}
