"""Who is told what when a task ends: with Airflow's notifiers, a real mail server, and HTTP servers of our own."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from airflow_mlkit.airflow.news import Message
from airflow_mlkit.exceptions import SpecError
from airflow_mlkit.plan import PlannedChannel
from tests.integration.airflow.played import Played, play, prepare
from tests.mailbox import Mailbox, links_of, mail_server

pytestmark = [pytest.mark.needs("airflow"), pytest.mark.usefixtures("airflow_database")]

MAIL = "{via: smtp, fallback: platform@example.com, environments: [laptop]}"
OWNER = "risk@example.com"


@pytest.fixture
def mailbox(monkeypatch) -> Iterator[Mailbox]:
    """A mail server, and Airflow's connection to it."""
    with mail_server() as running:
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", running.connection)
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com")
        yield running


def retrain(folder: Path, behaviour: dict[str, Any], channel: str = MAIL, **options: Any) -> Played:
    """Run one Dag of a project whose platform has a channel."""
    (folder / "platform.yaml").write_text(f"notify:\n  - {channel}\n")
    return play(folder, behaviour, **options)


def subjects(mailbox: Mailbox) -> list[str]:
    return [str(mail["Subject"]) for _, mail in mailbox.mails]


@pytest.mark.parametrize(("decision", "word"), [("undecided", "undecided"), ("hold_back", "held back")])
def test_being_held_back_is_mailed_with_the_gates_word(tmp_path, mailbox, decision, word):
    """To the owner, with what the gates said, the report and the command."""
    behaviour = {
        "gate": {"summary": {"decision": decision}, "files": {"gate_report.html": "<h1>no</h1>"}},
        "promote": {"held_back": True, "reason": "No better; {{ 7 * 7 }} <b>&\nBcc: x@example.com"},
    }
    played = retrain(tmp_path, behaviour)
    ((recipients, mail),) = mailbox.mails
    assert (recipients, mail["From"], mail["Bcc"]) == ([OWNER], "airflow@example.com", None)
    assert mail["Subject"] == f"cards: {word}, no better; {{{{ 7 * 7 }}}} <b>& Bcc: x@example.com"
    body = mail.get_body().get_content()
    assert "No better; {{ 7 * 7 }} &lt;b&gt;&amp;<br>Bcc: x@example.com" in body
    assert f"mlkit promote --run {played.run_directory.root.name} --reason" in body
    assert links_of(mail)["Report"].startswith("https://airflow.example.com/mlkit/reports/cards-retrain/manual__")
    assert links_of(mail)["Report"].endswith("/promote")


def test_a_failure_is_mailed_once_after_the_last_try(tmp_path, mailbox):
    """With the reason and not a traceback, and with the page of the failed validation."""
    behaviour = {"validate": {"error": "other", "reason": "3 rows", "files": {"data_docs/index.html": "<h1>3</h1>"}}}
    played = retrain(tmp_path, behaviour)
    assert played.state == "failed"
    assert subjects(mailbox) == ["cards: validate failed, 3 rows"]
    body = mailbox.mails[0][1].get_body().get_content()
    assert "validate, tried 2 times" in body
    assert "Traceback" not in body
    assert links_of(mailbox.mails[0][1])["Report"].endswith("/validate")


def test_of_scoring_only_a_failure_is_told(tmp_path, mailbox):
    """That there is no champion yet is no news."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    retrain(tmp_path / "a", {"predict": {"held_back": True, "reason": "no champion yet"}}, dag_id="cards-predict")
    assert subjects(mailbox) == []
    retrain(tmp_path / "b", {"predict": {"error": "data", "reason": "no rows"}}, dag_id="cards-predict")
    assert subjects(mailbox) == ["cards: predict failed, no rows"]


def test_a_promotion_is_told_to_those_who_want_to_hear_of_it(tmp_path, mailbox):
    """And by default to nobody."""
    channel = MAIL.replace("}", ", events: [promoted]}")
    retrain(tmp_path, {"promote": {"summary": {"model_version": 7}, "reason": "It is better."}}, channel)
    assert subjects(mailbox) == ["cards: promoted, version 7 is the champion"]


def test_a_mail_that_cannot_be_sent_changes_nothing_and_stands_in_the_log(tmp_path, monkeypatch, capfd):
    """Nobody listens at the port, and the run is the same success."""
    with mail_server() as gone:
        connection = gone.connection
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", connection)
    played = retrain(tmp_path, {"promote": {"held_back": True, "reason": "No better."}})
    assert (played.state, played.states["promote"]) == ("success", "skipped")
    written = "".join(capfd.readouterr())
    assert re.search(rf"could not tell {OWNER} by smtp \(connection smtp_default\): .*refused", written), written[
        -3000:
    ]


def test_a_connection_that_airflow_does_not_have_stands_in_the_log(tmp_path, capfd):
    retrain(tmp_path, {"promote": {"held_back": True}}, MAIL.replace("}", ", connection: nowhere}"))
    assert re.search(r"could not tell .* \(connection nowhere\): .*not found", "".join(capfd.readouterr()))


def test_a_runs_directory_that_cannot_be_read_does_not_keep_a_failure_to_itself(tmp_path, mailbox, monkeypatch):
    """What opens the bucket is missing: that is the reason that is mailed."""
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    place = "laptop: {backend: local, runs: 'gs://ml-runs', mlflow: .mlkit/mlflow}"
    retrain(tmp_path, {}, f"{MAIL}\nenvironments:\n  {place}")
    (subject,) = subjects(mailbox)
    assert subject.startswith("cards: extract failed, Airflow cannot open the run directory gs://ml-runs")


def test_a_secret_that_airflow_masks_is_masked_in_a_mail_too(tmp_path, mailbox):
    """A driver that repeats its address in an error must not mail the password."""
    from airflow.sdk.log import mask_secret

    mask_secret("s3cr3t-of-the-warehouse")
    retrain(tmp_path, {"extract": {"error": "data", "reason": "postgresql://u:s3cr3t-of-the-warehouse@db refused"}})
    assert subjects(mailbox) == ["cards: extract failed, postgresql://u:***@db refused"]


@pytest.mark.parametrize("via", ["slack", "apprise"])
def test_a_provider_that_is_not_installed_is_named_when_the_dag_is_parsed(tmp_path, monkeypatch, via):
    """With the place in platform.yaml and the package; not when the first news is lost."""
    monkeypatch.setitem(sys.modules, f"airflow.providers.{via}", None)
    fallback = {"slack": '"#ml"', "apprise": "ml"}[via]
    channel = f"{{via: {via}, fallback: {fallback}, environments: [laptop]}}"
    (tmp_path / "platform.yaml").write_text(f"notify:\n  - {MAIL}\n  - {channel}\n")
    with pytest.raises(SpecError, match=rf"platform\.yaml notify\[1\]\.via: {via} needs a provider") as error:
        prepare(tmp_path, {})
    assert f"pip install apache-airflow-providers-{via}" in str(error.value)


MESSAGE = Message("cards: held back, <no> better", "It is no better <!channel> & so on.\n", "<p>html</p>")


class Posts(list[dict[str, Any]]):
    """What was posted to a server; `answer` is what it says to each."""

    answer: tuple[int, dict[str, Any]] = (200, {"ok": True})
    port = 0


@contextmanager
def http_server() -> Iterator[Posts]:
    posts = Posts()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posts.append({"path": self.path, **json.loads(body)})
            status, content = posts.answer
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    posts.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield posts
    finally:
        server.shutdown()
        server.server_close()


def channel(via: Any, connection: str, *to: str) -> PlannedChannel:
    return PlannedChannel(key="notify[0]", via=via, connection=connection, events=("failed",), to=to)


def test_slack_hears_of_it_and_nobody_is_called_by_a_reason(monkeypatch):
    """Slack's own API, as far as a message goes, on the loopback."""
    from airflow_mlkit.airflow.channels import send

    with http_server() as posts:
        extra = {"base_url": f"http://127.0.0.1:{posts.port}/api/"}
        connection = {"conn_type": "slack", "password": "xoxb-1", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_CHAT", json.dumps(connection))
        assert send([channel("slack", "chat", "#risk-ml", "#ml")], MESSAGE) == {}
        assert [(post["path"], post["channel"]) for post in posts] == [
            ("/api/chat.postMessage", "#risk-ml"),
            ("/api/chat.postMessage", "#ml"),
        ]
        text = "*cards: held back, &lt;no&gt; better*\nIt is no better &lt;!channel&gt; &amp; so on.\n"
        assert posts[0]["text"] == text
        posts.answer = (200, {"ok": False, "error": "channel_not_found"})
        (said,) = send([channel("slack", "chat", "#gone")], MESSAGE).values()
        assert "#gone" in said
        assert "channel_not_found" in said


def test_apprise_hears_of_it_by_tag_and_what_it_could_not_deliver_is_said(monkeypatch):
    """Airflow's hook drops Apprise's answer, so a service that refuses would pass for one that took it."""
    from airflow_mlkit.airflow.channels import send

    with http_server() as posts:
        address = f"json://127.0.0.1:{posts.port}"
        config = [{"path": f"{address}/risk", "tag": "risk-ml"}, {"path": f"{address}/ml", "tag": "ml"}]
        monkeypatch.setenv("AIRFLOW_CONN_NEWS", json.dumps({"conn_type": "apprise", "extra": {"config": config}}))
        assert send([channel("apprise", "news", "risk-ml")], MESSAGE) == {}
        ((path, title, text),) = [(post["path"], post["title"], post["message"]) for post in posts]
        assert (path.strip("/"), title, text.strip()) == ("risk", MESSAGE.subject, MESSAGE.text.strip())
        posts.answer = (500, {})
        (said,) = send([channel("apprise", "news", "ml")], MESSAGE).values()
        assert "500" in said
        (said,) = send([channel("apprise", "news", "nobody")], MESSAGE).values()
        assert "no service with the tag nobody" in said


def test_a_mail_server_that_never_answers_is_not_waited_for(monkeypatch):
    """And keeps the news from nobody else."""
    from airflow_mlkit.airflow import channels

    monkeypatch.setattr(channels, "PATIENCE_SECONDS", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as silent, mail_server() as mailbox:
        gone = json.loads(mailbox.connection) | {"port": silent.getsockname()[1]}
        monkeypatch.setenv("AIRFLOW_CONN_SILENT", json.dumps(gone))
        monkeypatch.setenv("AIRFLOW_CONN_MAIL", mailbox.connection)
        both = [channel("smtp", "silent", OWNER), channel("smtp", "mail", OWNER).model_copy(update={"key": "other"})]
        assert channels.send(both, MESSAGE) == {"notify[0]": "had not answered after 2 seconds"}
        assert subjects(mailbox) == [MESSAGE.subject]
