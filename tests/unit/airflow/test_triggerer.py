"""Whether a triggerer is alive, as Airflow's API server tells it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from airflow_mlkit.airflow.triggerer import check_triggerer
from airflow_mlkit.spec.platform import PlatformSpec

POD = {"backend": "kubernetes", "namespace": "ml", "runs": "gs://ml/runs", "mlflow": "https://m.example.com"}
PLATFORM = PlatformSpec.model_validate({"environments": {"prod": POD | {"deferrable": True}, "sync": POD}})


@contextmanager
def serve(answer: Any) -> Iterator[str]:
    """An API server that tells its health."""

    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/api/v2/monitor/health" else 404)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Health) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"triggerer": {"status": "healthy"}}, None),
        ({"triggerer": {"status": "unhealthy"}}, "None is alive"),
        ({"triggerer": {"status": None}}, "None is alive"),  # there was never one
        ([], "is not known"),
    ],
)
def test_a_triggerer_that_is_needed_and_not_alive_is_told(answer: Any, said: str | None) -> None:
    with serve(answer) as server:
        found = check_triggerer(PLATFORM, "prod", server)
    assert [said in each for each in found] == ([True] if said else [])


def test_nobody_is_asked_where_no_task_is_deferred() -> None:
    for environment in ("sync", "laptop", "no-such-environment"):
        assert check_triggerer(PLATFORM, environment, "http://127.0.0.1:9") == []
    assert "is not known" in check_triggerer(PLATFORM, "prod", "http://127.0.0.1:9")[0]
