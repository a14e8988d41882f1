"""What is said of an MLflow by what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from airflow_mlkit.cluster.finding import Finding, Level
from airflow_mlkit.cluster.reach import look_from_here
from airflow_mlkit.spec.environment import KubernetesEnvironment

WRONG_HOST = b"Invalid Host header - possible DNS rebinding attack detected"
"""As MLflow 3.17 says it."""


@contextmanager
def serve_answer(status: int, body: bytes) -> Iterator[str]:
    """An MLflow that is well, and answers whatever else it is asked in one way."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/health" else status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *given: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def look_at_mlflow(uri: str) -> Finding:
    place = KubernetesEnvironment(
        backend="kubernetes", namespace="ml", runs="/mlkit/runs", mlflow=uri, volume={"claim": "runs", "path": "/mlkit"}
    )
    _, mlflow = look_from_here(place)()
    return mlflow


@pytest.mark.parametrize(
    ("status", "body", "level"),
    [
        (200, b"{}", Level.FINE),
        (401, b"You are not authenticated.", Level.FINE),
        (403, b"Permission denied", Level.FINE),
        (404, b"", Level.NOT_LOOKED_AT),
        (503, b"", Level.NOT_LOOKED_AT),
        (403, WRONG_HOST, Level.PROBLEM),
    ],
)
def test_an_mlflow_is_fine_when_a_step_would_get_an_answer(status: int, body: bytes, level: Level) -> None:
    with serve_answer(status, body) as uri:
        assert look_at_mlflow(uri).level is level


def test_an_mlflow_that_does_not_know_its_own_name_is_told_it() -> None:
    with serve_answer(403, WRONG_HOST) as uri:
        found = look_at_mlflow(uri)
    assert "Invalid Host header" in found.said
    assert f"--allowed-hosts={uri.removeprefix('http://')}," in found.todo
