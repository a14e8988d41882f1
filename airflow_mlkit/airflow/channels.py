"""How a message goes out: through the notifiers that Airflow's providers bring, each imported when it is used."""

from __future__ import annotations

import html
import importlib.util
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from airflow_mlkit.airflow.news import Message
from airflow_mlkit.exceptions import SpecError
from airflow_mlkit.plan import PlannedChannel
from airflow_mlkit.project import PLATFORM_FILE, Project

PATIENCE_SECONDS = 12.0
"""For all channels together. Airflow kills a task's process 20 seconds after its state is known."""


def check_providers(project: Project) -> None:
    """Refuse a channel whose provider Airflow lacks, while somebody looks: at the first news it would be too late.

    Raises:
        SpecError: with the package to install.
    """
    file = project.platform_file or PLATFORM_FILE
    problems, missing = [], []
    for channel in project.plan.channels:
        if not _is_installed(channel.via):
            problems.append(f"{file} {channel.key}.via: {channel.via} needs a provider that is not installed here")
            missing.append(f"apache-airflow-providers-{channel.via}")
    if problems:
        raise SpecError(problems, hint=f"Type: pip install {' '.join(dict.fromkeys(missing))}")


def send(channels: list[PlannedChannel], message: Message) -> dict[str, str]:
    """Send a message through each channel, all at once.

    Returns:
        Why it did not go out, by the key of the channel; nothing where it did.
    """
    failed = {channel.key: f"had not answered after {PATIENCE_SECONDS:g} seconds" for channel in channels}
    threads = [threading.Thread(target=_try, args=(channel, message, failed), daemon=True) for channel in channels]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return dict(failed)


def _try(channel: PlannedChannel, message: Message, failed: dict[str, str]) -> None:
    try:
        _SENDERS[channel.via](channel, message)
        del failed[channel.key]
    except Exception as error:  # noqa: BLE001  # whatever a provider raises, the task goes on and its log says so
        failed[channel.key] = f"{type(error).__name__}: {error}"


def _is_installed(via: str) -> bool:
    with suppress(ModuleNotFoundError):
        return importlib.util.find_spec(f"airflow.providers.{via}.notifications.{via}") is not None
    return False


# `notify` and not the notifier itself: calling it would render the message as a template, and with it whatever a
# reason holds that comes from data


def _send_mail(channel: PlannedChannel, message: Message) -> None:
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    notifier = SmtpNotifier(
        to=list(channel.to),
        subject=message.subject,
        html_content=message.html,
        smtp_conn_id=channel.connection,
        custom_headers={"Auto-Submitted": "auto-generated"},
    )
    notifier.notify({})


def _send_to_slack(channel: PlannedChannel, message: Message) -> None:
    from airflow.providers.slack.notifications.slack import SlackNotifier

    # Slack's three characters (https://docs.slack.dev/messaging/formatting-message-text): no <!channel> from a reason
    text = html.escape(f"*{message.subject.replace('*', '')}*\n{message.text}", quote=False)
    refused = []
    for recipient in channel.to:
        notifier = SlackNotifier(slack_conn_id=channel.connection, channel=recipient, text=text, unfurl_links=False)
        try:
            notifier.notify({})  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001  # one channel that is gone keeps the news from no other
            refused.append(f"{recipient}: {error}")
    if refused:
        raise RuntimeError("; ".join(refused))


def _send_by_apprise(channel: PlannedChannel, message: Message) -> None:
    from airflow.providers.apprise.notifications.apprise import AppriseNotifier

    notifier = AppriseNotifier(
        title=message.subject, body=message.text, tag=list(channel.to), apprise_conn_id=channel.connection
    )
    heard, log = _Heard(), logging.getLogger("apprise")
    log.addHandler(heard)
    try:
        notifier.notify({})  # type: ignore[no-untyped-call]
    finally:
        log.removeHandler(heard)
    if not heard.records and log.isEnabledFor(logging.INFO):  # of each service it says that it notifies it
        raise RuntimeError(f"the connection has no service with the tag {' or '.join(channel.to)}")
    refused = [record.getMessage() for record in heard.records if record.levelno >= logging.WARNING]
    if refused:
        raise RuntimeError("; ".join(refused))


class _Heard(logging.Handler):
    """What Apprise says: Airflow's hook drops its answer whether the message went out."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


_SENDERS: dict[str, Callable[[PlannedChannel, Message], None]] = {
    "smtp": _send_mail,
    "slack": _send_to_slack,
    "apprise": _send_by_apprise,
}
